// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJuryArbiter} from "../../../contracts/interfaces/IJuryArbiter.sol";
import {Ruling} from "../../../contracts/types/DisputeTypes.sol";
import {JobStatus} from "../../../contracts/types/JobTypes.sol";
import {TimeAndRules} from "./TimeAndRules.sol";

/// Time and a stranger settle whatever is open; then everybody takes out what is theirs.
abstract contract Drain is TimeAndRules {
    function drain() external {
        _draining = true;
        _pass(31 days, 5);
        _settleJobs();
        _settleCases();
        for (uint256 i = 0; i < _pots.length; ++i) {
            if (!_isEmpty(_pots[i])) _collect(i);
        }
        for (uint256 i = 0; i < people.length; ++i) _leavePools(people[i]);
        for (uint256 i = 0; i < people.length; ++i) _startToLeave(people[i]);
        _pass(UNBONDING, 1);
        for (uint256 i = 0; i < people.length; ++i) _takeAll(people[i]);
        _checkOnlyFrozenMoneyIsLeft();
        _free();
        for (uint256 i = 0; i < people.length; ++i) _takeAll(people[i]);
        _checkNothingIsLeft();
    }

    function _settleJobs() private {
        for (uint256 id = 1; id < _jobs.length; ++id) {
            JobStatus status = statusOf(id);
            if (status == JobStatus.Expired) _expire(id);
            if (status == JobStatus.Finalisable) _finalise(id);
        }
    }

    function _settleCases() private {
        for (uint256 id = 1; id < _cases.length; ++id) {
            if (phaseOf(id) == IJuryArbiter.Phase.Count) _close(id);
            if (_cases[id].ruling == Ruling.None) _resolve(id);
            if (!_cases[id].paid) _payJurors(id);
        }
        for (uint256 id = 1; id < _jobs.length; ++id) {
            assertTrue(market.statusOf(_jobs[id].id) == JobStatus.None, "I13: a job is not settled");
        }
    }

    function _leavePools(address who) private {
        for (uint256 id = 1; id < _models.length; ++id) {
            if (!_enrolled[id][who]) continue;
            _must(who, address(jury), abi.encodeCall(jury.leave, (id, who)), "leaving a jury pool");
            _enrolled[id][who] = false;
            _freeDeposit(id, who);
        }
    }

    function _startToLeave(address who) private {
        if (_dueOf(who) > 0 && !_isFrozen(STAKE, who)) _takeStake(who);
        if (bonded[who] == 0 || (_isFrozen(STAKE, who) && _leaving[who].length == 8)) return;
        uint256 amount = bonded[who];
        _must(who, address(staking), abi.encodeCall(staking.requestUnbonding, (uint128(amount))), "unbonding");
        bonded[who] = 0;
        _leaving[who].push(Leaving(amount, block.timestamp + UNBONDING));
    }

    function _takeAll(address who) private {
        if (_dueOf(who) > 0 && !_isFrozen(STAKE, who)) _takeStake(who);
        for (uint256 token = 0; token < 2; ++token) {
            uint256 amount = balance[token][who];
            if (amount == 0 || _isFrozen(token, who)) continue;
            bytes memory data = abi.encodeCall(escrow.withdraw, (_tokenOf(token), who, uint128(amount)));
            _must(who, address(escrow), data, "withdrawing");
            _leave(token, who, amount);
        }
    }

    function _takeStake(address who) private {
        uint256 due = _dueOf(who);
        _must(who, address(staking), abi.encodeCall(staking.withdraw, (who)), "taking stake out");
        _dropDue(who);
        stakeSum -= due;
    }

    function _must(address who, address target, bytes memory data, string memory what) private {
        vm.prank(who);
        (bool ok, bytes memory reason) = target.call(data);
        assertTrue(ok, string.concat("I13, I14: an exit is blocked: ", what, " ", vm.toString(reason)));
    }

    function _checkOnlyFrozenMoneyIsLeft() private view {
        for (uint256 token = 0; token < 2; ++token) {
            uint256 frozen = 0;
            if (frozenAccounts > 0 && _frozenToken == token) {
                frozen = balance[token][_frozen] + (token == STAKE ? slashable(_frozen) : 0);
            }
            assertEq(_inSystem(token), frozen, "I14: what is left is not the frozen account's");
        }
    }

    function _checkNothingIsLeft() private {
        // Frozen stake that could not even start to leave, its queue being full.
        for (uint256 i = 0; i < people.length; ++i) {
            if (bonded[people[i]] > 0) _startToLeave(people[i]);
        }
        _pass(UNBONDING, 1);
        for (uint256 i = 0; i < people.length; ++i) _takeAll(people[i]);
        assertEq(_inSystem(STAKE), 0, "I13: stake tokens are left");
        assertEq(_inSystem(PAY), 0, "I13: payment tokens are left");
        assertEq(surprises, 0, string.concat("I13: ", firstSurprise));
    }

    /// Tokens in any contract of the system.
    function _inSystem(uint256 token) private view returns (uint256 sum) {
        address[6] memory contracts = [
            address(escrow),
            address(staking),
            address(market),
            address(disputes),
            address(jury),
            address(providers)
        ];
        for (uint256 i = 0; i < contracts.length; ++i) sum += tokens[token].balanceOf(contracts[i]);
    }
}
