// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PaymentActions} from "./PaymentActions.sol";

/// Stake in and out.
abstract contract StakeActions is PaymentActions {
    uint256 private constant _MAX_LEAVING = 8;

    function depositStake(uint256 seed) external acts(seed) {
        (address who, uint128 amount) = _stakeToBring();
        address provider = _pick(_provs);
        bytes memory data = abi.encodeCall(staking.deposit, (provider, amount));
        bool expected = amount > 0 && !_isFrozen(STAKE, who);
        if (_call("staking.deposit", who, address(staking), data, expected)) _staked(who, provider, amount);
    }

    function depositStakeWithPermit(uint256 seed) external acts(seed) {
        (address who, uint128 amount) = _stakeToBring();
        bytes memory data = abi.encodeCall(
            staking.depositWithPermit,
            (who, amount, block.timestamp, 28, bytes32(seed), bytes32(seed))
        );
        bool expected = amount > 0 && !_isFrozen(STAKE, who);
        if (_call("staking.depositWithPermit", who, address(staking), data, expected)) _staked(who, who, amount);
    }

    function requestUnbonding(uint256 seed) external acts(seed) {
        address who = _pick(_provs);
        uint256 all = bonded[who];
        uint256 part = _roll(10);
        uint128 amount = uint128(
            part == 0
                ? all
                : part == 1
                    ? all + 1
                    : _roll(all / 4 + 1)
        );
        _requestUnbonding(who, amount);
    }

    function withdrawStake(uint256 seed) external acts(seed) {
        address who = _whoMayLeave();
        _withdrawStake(who, _oneIn(4) ? _anybody() : who);
    }

    /// A provider takes its whole stake out as fast as it can, whatever it still stands for.
    function abscond(uint256 seed) external acts(seed) {
        address who = _whoHasLocks();
        _requestUnbonding(who, uint128(bonded[who]));
        _pass(UNBONDING, 1);
        _withdrawStake(who, who);
    }

    /// Stake behind open jobs, uncollected pots and jurors' deposits, summed up anew.
    function obligationsOf(address provider) public view returns (uint256 sum) {
        for (uint256 id = 1; id < _jobs.length; ++id) {
            bool open = _jobs[id].stage != Stage.Paid && _jobs[id].stage != Stage.Refunded;
            if (open && _jobs[id].terms.provider == provider) sum += _jobs[id].terms.stake;
        }
        for (uint256 i = 0; i < _pots.length; ++i) {
            if (_pots[i].key.provider == provider) sum += _pots[i].stake;
        }
        for (uint256 id = 1; id < _models.length; ++id) sum += _locks[id][provider] * JUROR_LOCK;
    }

    function _dueOf(address who) internal view returns (uint256 due) {
        for (uint256 i = 0; i < _leaving[who].length; ++i) {
            if (_leaving[who][i].at <= block.timestamp) due += _leaving[who][i].amount;
        }
    }

    function _dropDue(address who) internal {
        Leaving[] memory all = _leaving[who];
        delete _leaving[who];
        for (uint256 i = 0; i < all.length; ++i) {
            if (all[i].at > block.timestamp) _leaving[who].push(all[i]);
        }
    }

    function _requestUnbonding(address who, uint128 amount) private {
        bool expected = amount > 0 && amount <= bonded[who] && _leaving[who].length < _MAX_LEAVING;
        bytes memory data = abi.encodeCall(staking.requestUnbonding, (amount));
        if (!_call("staking.requestUnbonding", who, address(staking), data, expected)) return;

        bonded[who] -= amount;
        _leaving[who].push(Leaving(amount, block.timestamp + UNBONDING));
    }

    function _withdrawStake(address who, address to) private {
        uint256 due = _dueOf(who);
        bool covered = slashable(who) - due >= locked[who];
        if (due > 0 && !covered) _note("exit.underLock");
        bool expected = due > 0 && covered && !_isFrozen(STAKE, to);
        bytes memory data = abi.encodeCall(staking.withdraw, (to));
        _lowers(who);
        if (!_call("staking.withdraw", who, address(staking), data, expected)) return;

        _exited();
        if (staking.slashableOf(who) < obligationsOf(who)) ++exitsBelowLocks;
        _dropDue(who);
        stakeSum -= due;
        _giveAway(STAKE, who, to, due);
    }

    function _whoHasLocks() private returns (address who) {
        who = _pick(_provs);
        for (uint256 i = 0; i < _provs.length && locked[who] == 0; ++i) who = _provs[i];
    }

    function _whoMayLeave() private returns (address who) {
        who = _pick(_provs);
        for (uint256 i = 0; i < _provs.length && _dueOf(who) == 0; ++i) who = _provs[i];
    }

    function _staked(address who, address provider, uint256 amount) private {
        _giveAway(STAKE, who, provider, amount);
        _bond(provider, amount);
    }

    function _stakeToBring() private returns (address who, uint128 amount) {
        who = _oneIn(4) ? _anybody() : _pick(_provs);
        amount = _oneIn(10) ? 0 : uint128(_roll(60e18));
        _bring(STAKE, who, address(staking), amount);
    }
}
