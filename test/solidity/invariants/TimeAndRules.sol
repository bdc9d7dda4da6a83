// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Controlled} from "../../../contracts/access/Controlled.sol";
import {IInferenceMarket} from "../../../contracts/interfaces/IInferenceMarket.sol";
import {IModelRegistry} from "../../../contracts/interfaces/IModelRegistry.sol";
import {CaseFacts} from "../../../contracts/types/DisputeTypes.sol";
import {DisputeActions} from "./DisputeActions.sol";

/// Time that passes, parameters that change after their delay, and calls nobody but a contract or a role may make.
abstract contract TimeAndRules is DisputeActions {
    uint256 private constant _EXPIRATION = 1 weeks;
    /// Kinds of change from here on set the cap in a token.
    uint256 private constant _CAPS = 5;

    struct Proposal {
        bytes data;
        uint256 readyAt;
        uint256 kind;
        uint256 value;
        bool executed;
    }

    Proposal[] private _proposals;

    function passMinutes(uint256 seed) external acts(seed) {
        _pass(1 + _roll(20 minutes), 1 + _roll(20));
    }

    function passDays(uint256 seed) external acts(seed) {
        _pass(1 + _roll(_oneIn(3) ? 24 days : 3 days), 1 + _roll(1000));
    }

    function passBlocks(uint256 seed) external acts(seed) {
        _pass(1, 250 + _roll(20));
    }

    /// To the last second of some job's phase, or one second beyond.
    function passToEdge(uint256 seed) external acts(seed) {
        if (jobCount() == 0) return;
        uint256 edge = _jobs[1 + _roll(jobCount())].phaseEnd + _roll(2);
        if (edge > block.timestamp) _pass(edge - block.timestamp, 1);
    }

    function propose(uint256 seed) external acts(seed) {
        (uint256 kind, uint256 value) = _randomChange();
        bytes memory data = _changeData(kind, value);
        bool pending = false;
        for (uint256 i = 0; i < _proposals.length; ++i) {
            Proposal storage old = _proposals[i];
            bool same = keccak256(old.data) == keccak256(data);
            if (same && !old.executed && block.timestamp < old.readyAt + _EXPIRATION) pending = true;
        }
        bytes memory call_ = abi.encodeCall(authority.schedule, (_targetOf(kind), data, 0));
        if (!_call("authority.schedule", ADMIN, address(authority), call_, !pending)) return;
        _proposals.push(Proposal(data, block.timestamp + PARAMETER_DELAY, kind, value, false));
    }

    /// One of the proposals that are ready, if there is one.
    function execute(uint256 seed) external acts(seed) {
        if (_proposals.length == 0) return;
        uint256 index = _roll(_proposals.length);
        for (uint256 i = 0; i < _proposals.length && !_isReady(index); ++i) index = (index + 1) % _proposals.length;
        Proposal storage proposal = _proposals[index];
        bool expected = _isReady(index) && _isInBounds(proposal.kind, proposal.value);
        bytes memory call_ = abi.encodeCall(authority.execute, (_targetOf(proposal.kind), proposal.data));
        if (!_call(_changeName(proposal.kind), ADMIN, address(authority), call_, expected)) return;

        proposal.executed = true;
        _apply(proposal.kind, proposal.value);
        if (proposal.kind >= _CAPS) _closeOneAbove(proposal.kind - _CAPS);
    }

    function closeOffer(uint256 seed) external acts(seed) {
        uint256 token = _oneIn(2) ? PAY : STAKE;
        _closeOne(_pick(_provs), 1 + _roll(_models.length - 1), token);
    }

    /// One whose price is above the cap since that was lowered, if there is one.
    function _closeOneAbove(uint256 token) private {
        uint256 first = _roll(_provs.length - 1);
        for (uint256 i = 0; i < _provs.length; ++i) {
            address provider = _provs[(first + i) % _provs.length];
            for (uint256 id = 1; id < _models.length; ++id) {
                if (_isAboveCap(provider, id, token)) return _closeOne(provider, id, token);
            }
        }
    }

    /// By anybody. It goes on counting for juries.
    function _closeOne(address provider, uint256 id, uint256 token) private {
        bytes memory data = abi.encodeCall(providers.closeOffer, (provider, id, _tokenOf(token)));
        if (_call("providers.closeOffer", _anybody(), address(providers), data, _isAboveCap(provider, id, token))) {
            _offers[provider][id][token].maxDuration = 0;
        }
    }

    function _isAboveCap(address provider, uint256 id, uint256 token) private view returns (bool) {
        Offer storage offer = _offers[provider][id][token];
        return offer.maxDuration > 0 && offer.price > _capOf[token];
    }

    function pause(uint256 seed) external acts(seed) {
        // Unpausing takes two days, so the guardian is sparing.
        address who = _oneIn(8) ? GUARDIAN : _anybody();
        bytes memory data = abi.encodeCall(market.pause, ());
        if (_call("market.pause", who, address(market), data, who == GUARDIAN)) _params.paused = true;
    }

    /// Whoever tries what only a contract, a deployer or a role may do is refused.
    function intrude(uint256 seed) external acts(seed) {
        (address target, bytes memory data) = _forbiddenCall(_roll(19));
        vm.prank(_anybody());
        (bool ok, ) = target.call(data);
        if (ok) ++intrusions;
        _note("intrusion.tried");
    }

    function _forbiddenCall(uint256 kind) private returns (address, bytes memory) {
        address victim = _pick(_provs);
        if (kind == 0) return (address(escrow), abi.encodeCall(escrow.hold, (_tokenOf(PAY), _pick(_clients), 1)));
        if (kind == 1) return (address(escrow), abi.encodeCall(escrow.credit, (_tokenOf(PAY), victim, 1)));
        if (kind == 2) return (address(staking), abi.encodeCall(staking.lock, (victim, 1)));
        if (kind == 3) return (address(staking), abi.encodeCall(staking.release, (victim, uint128(locked[victim]))));
        if (kind == 4) return (address(staking), abi.encodeCall(staking.slash, (victim, 0, 0, _stranger)));
        if (kind == 5) return (address(escrow), abi.encodeCall(Controlled.setControllers, (people)));
        if (kind == 6) return (address(staking), abi.encodeCall(Controlled.setControllers, (people)));
        if (kind == 7) return (address(market), abi.encodeCall(market.linkDisputes, (_stranger)));
        if (kind == 8) return (address(market), abi.encodeCall(market.setProtocolFee, (0)));
        if (kind == 9) return (address(market), abi.encodeCall(market.setTreasury, (_stranger)));
        if (kind == 10) return (address(market), abi.encodeCall(market.unpause, ()));
        if (kind == 11) return (address(authority), abi.encodeCall(authority.grantRole, (0, _stranger, 0)));
        if (kind == 12) return (address(jury), abi.encodeCall(jury.openCase, (1, _facts(victim))));
        if (kind == 13) return (address(providers), abi.encodeCall(providers.closeModel, (1)));
        if (kind == 14) return (address(models), abi.encodeCall(models.linkProviders, (providers)));
        uint256 id = jobCount() == 0 ? 0 : 1 + _roll(jobCount());
        if (kind == 15) {
            return (address(market), abi.encodeCall(market.openDispute, (_jobs[id].terms, _jobs[id].output)));
        }
        if (kind == 16) {
            return (address(market), abi.encodeCall(market.closeDispute, (_jobs[id].terms, true)));
        }
        if (kind == 17) return (address(valueCaps), _capData(PAY, 0));
        return (address(market), abi.encodeCall(market.setMinJobStake, (0)));
    }

    function _facts(address provider) private pure returns (CaseFacts memory facts) {
        (facts.jobId, facts.modelId, facts.provider) = (1, 1, provider);
    }

    /// Within its bounds mostly, and short windows mostly, so that jobs come to an end.
    function _randomChange() private returns (uint256 kind, uint256 value) {
        kind = _params.paused && _oneIn(2) ? 0 : _roll(_CAPS + 2);
        if (kind == 1) value = _roll(600);
        if (kind == 2) value = _oneIn(8) ? _roll(8 days) : _roll(3 hours);
        if (kind == 3) value = _roll(4e18);
        if (kind == 4) value = _oneIn(8) ? 0 : uint160(_pick(_treasuries));
        if (kind >= _CAPS) value = _roll(4e18);
    }

    function _changeData(uint256 kind, uint256 value) private view returns (bytes memory) {
        if (kind == 0) return abi.encodeCall(market.unpause, ());
        if (kind == 1) return abi.encodeCall(market.setProtocolFee, (uint16(value)));
        if (kind == 2) return abi.encodeCall(market.setChallengeWindow, (uint32(value)));
        if (kind == 3) return abi.encodeCall(market.setMinJobStake, (uint128(value)));
        if (kind == 4) return abi.encodeCall(market.setTreasury, (address(uint160(value))));
        return _capData(kind - _CAPS, uint128(value));
    }

    function _capData(uint256 token, uint128 cap) private view returns (bytes memory) {
        return abi.encodeCall(valueCaps.setCap, (IModelRegistry.Profile.Jury, _tokenOf(token), cap));
    }

    function _targetOf(uint256 kind) private view returns (address) {
        return kind >= _CAPS ? address(valueCaps) : address(market);
    }

    function _changeName(uint256 kind) private pure returns (string memory) {
        if (kind == 0) return "market.unpause";
        if (kind == 1) return "market.setProtocolFee";
        if (kind == 2) return "market.setChallengeWindow";
        if (kind >= _CAPS) return "valueCaps.setCap";
        return kind == 3 ? "market.setMinJobStake" : "market.setTreasury";
    }

    function _isReady(uint256 index) private view returns (bool) {
        Proposal storage proposal = _proposals[index];
        bool ripe = block.timestamp >= proposal.readyAt && block.timestamp < proposal.readyAt + _EXPIRATION;
        return ripe && !proposal.executed;
    }

    function _isInBounds(uint256 kind, uint256 value) private pure returns (bool) {
        if (kind == 1) return value <= 500;
        if (kind == 2) return value >= 1 minutes && value <= 7 days;
        return kind != 4 || value != 0;
    }

    function _apply(uint256 kind, uint256 value) private {
        if (kind == 0) _params.paused = false;
        if (kind == 1) _params.feeBps = uint16(value);
        if (kind == 2) _params.window = uint32(value);
        if (kind == 3) _params.minStake = uint128(value);
        if (kind == 4) _params.treasury = address(uint160(value));
        if (kind >= _CAPS) _capOf[kind - _CAPS] = uint128(value);
    }
}
