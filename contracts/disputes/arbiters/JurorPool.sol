// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IJuryArbiter} from "../../interfaces/IJuryArbiter.sol";
import {IProviderRegistry} from "../../interfaces/IProviderRegistry.sol";
import {IProviderStaking} from "../../interfaces/IProviderStaking.sol";
import {CaseFacts} from "../../types/DisputeTypes.sol";

/// @title Who may be drawn for a model
/// @notice Pools are small, so that a draw is one short loop; a full one keeps the members with the most bonded stake. What
/// a member stands to lose is locked when it enrols: later nobody can use that stake up by buying jobs from it, and so
/// keep it off a jury.
abstract contract JurorPool is IJuryArbiter {
    using EnumerableSet for EnumerableSet.AddressSet;

    /// @notice Most members of a model's pool.
    uint256 public constant MAX_POOL = 32;
    /// @notice Juries of one model that a member can sit on at the same time.
    uint8 public constant SEATS = 4;

    IProviderRegistry public immutable PROVIDERS;
    IProviderStaking public immutable STAKING;
    /// @inheritdoc IJuryArbiter
    uint128 public immutable JUROR_LOCK;

    mapping(uint256 modelId => EnumerableSet.AddressSet) private _pools;
    /// @dev Seats a member may still take; the stake for each is locked.
    mapping(uint256 modelId => mapping(address juror => uint8)) private _seatsLeft;

    modifier onlyJurorKey(address juror) {
        if (msg.sender != juror && msg.sender != PROVIDERS.operatorOf(juror)) {
            revert JuryArbiter_NotAllowed(juror, msg.sender);
        }
        _;
    }

    constructor(IProviderRegistry providers, IProviderStaking staking, uint128 jurorLock) {
        if (jurorLock == 0) revert JuryArbiter_ZeroLock();
        PROVIDERS = providers;
        STAKING = staking;
        JUROR_LOCK = jurorLock;
    }

    /// @inheritdoc IJuryArbiter
    function enrol(uint256 modelId, address juror) external onlyJurorKey(juror) {
        if (PROVIDERS.offerCountOf(juror, modelId) == 0) revert JuryArbiter_NoOffer(juror, modelId);
        EnumerableSet.AddressSet storage pool = _pools[modelId];
        if (pool.contains(juror)) revert JuryArbiter_AlreadyEnrolled(juror, modelId);

        address replaced = pool.length() == MAX_POOL ? _displace(modelId, pool, STAKING.bondedOf(juror)) : address(0);
        pool.add(juror);
        _seatsLeft[modelId][juror] = SEATS;

        emit JurorEnrolled(modelId, juror, replaced);

        STAKING.lock(juror, SEATS * JUROR_LOCK);
    }

    /// @inheritdoc IJuryArbiter
    function leave(uint256 modelId, address juror) external onlyJurorKey(juror) {
        if (!_pools[modelId].remove(juror)) revert JuryArbiter_NotEnrolled(juror, modelId);

        emit JurorLeft(modelId, juror);

        _unlock(modelId, juror);
    }

    /// @inheritdoc IJuryArbiter
    function poolOf(uint256 modelId) external view returns (address[] memory) {
        return _pools[modelId].values();
    }

    /// @inheritdoc IJuryArbiter
    function seatsLeftOf(uint256 modelId, address juror) external view returns (uint8) {
        return _seatsLeft[modelId][juror];
    }

    /// @dev Members that may judge a case, with their bonded stake: no party to it, still serving the model, with a seat
    /// left and something bonded.
    function _eligible(
        CaseFacts calldata facts
    ) internal view returns (address[] memory members, uint128[] memory weights) {
        members = _pools[facts.modelId].values();
        weights = new uint128[](members.length);
        uint256 count = 0;
        for (uint256 i = 0; i < members.length; ++i) {
            uint128 bonded = STAKING.bondedOf(members[i]);
            if (bonded == 0 || !_canSit(facts.modelId, members[i]) || _isParty(members[i], facts)) continue;
            if (PROVIDERS.offerCountOf(members[i], facts.modelId) == 0) continue;
            (members[count], weights[count]) = (members[i], bonded);
            ++count;
        }
        // Shorten both arrays to what was kept.
        assembly ("memory-safe") {
            mstore(members, count)
            mstore(weights, count)
        }
    }

    /// @dev Takes one of the member's seats. Who left since the case was opened, or has none left, sits with free stake;
    /// false if there is none either.
    function _takeSeat(uint256 modelId, address juror) internal returns (bool) {
        if (!_canSit(modelId, juror)) return false;
        if (_seatsLeft[modelId][juror] > 0) _seatsLeft[modelId][juror] -= 1;
        else STAKING.lock(juror, JUROR_LOCK);
        return true;
    }

    /// @dev Ends a seat without penalty. Whoever left in the meantime gets the stake back.
    function _giveSeatBack(uint256 modelId, address juror) internal {
        if (_pools[modelId].contains(juror) && _seatsLeft[modelId][juror] < SEATS) _seatsLeft[modelId][juror] += 1;
        else STAKING.release(juror, JUROR_LOCK);
    }

    function _canSit(uint256 modelId, address juror) private view returns (bool) {
        return _seatsLeft[modelId][juror] > 0 || STAKING.freeOf(juror) >= JUROR_LOCK;
    }

    /// @dev A member or its key that is the client, the challenger or the provider. The provider's operator does not
    /// count: the provider names any key it likes, and could keep that key's owner out of the jury.
    function _isParty(address member, CaseFacts calldata facts) private view returns (bool) {
        return _isOneOf(member, facts) || _isOneOf(PROVIDERS.operatorOf(member), facts);
    }

    function _isOneOf(address account, CaseFacts calldata facts) private pure returns (bool) {
        return account == facts.provider || account == facts.client || account == facts.challenger;
    }

    /// @dev Makes room for a newcomer with more bonded stake than the member with the least.
    function _displace(
        uint256 modelId,
        EnumerableSet.AddressSet storage pool,
        uint128 newcomer
    ) private returns (address replaced) {
        uint128 least = type(uint128).max;
        for (uint256 i = 0; i < pool.length(); ++i) {
            uint128 bonded = STAKING.bondedOf(pool.at(i));
            if (bonded <= least) (replaced, least) = (pool.at(i), bonded);
        }
        if (least >= newcomer) revert JuryArbiter_PoolFull(modelId, least);
        pool.remove(replaced);
        _unlock(modelId, replaced);
    }

    /// @dev Frees the stake of the seats that a former member does not hold.
    function _unlock(uint256 modelId, address juror) private {
        uint8 left = _seatsLeft[modelId][juror];
        delete _seatsLeft[modelId][juror];
        if (left > 0) STAKING.release(juror, left * JUROR_LOCK);
    }
}
