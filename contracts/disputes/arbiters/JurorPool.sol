// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IJuryArbiter} from "../../interfaces/IJuryArbiter.sol";
import {IProviderRegistry} from "../../interfaces/IProviderRegistry.sol";
import {IProviderStaking} from "../../interfaces/IProviderStaking.sol";
import {CaseFacts} from "../../types/DisputeTypes.sol";

/// @title Who may be drawn for a model
/// @notice Pools are small, so that a draw is one short loop; a full one keeps the members with the most free stake.
abstract contract JurorPool is IJuryArbiter {
    using EnumerableSet for EnumerableSet.AddressSet;

    /// @notice Most members of a model's pool.
    uint256 public constant MAX_POOL = 32;

    IProviderRegistry public immutable PROVIDERS;
    IProviderStaking public immutable STAKING;
    /// @inheritdoc IJuryArbiter
    uint128 public immutable JUROR_LOCK;

    mapping(uint256 modelId => EnumerableSet.AddressSet) private _pools;

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
        uint128 free = STAKING.freeOf(juror);
        if (free < JUROR_LOCK) revert JuryArbiter_TooLittleStake(juror, free, JUROR_LOCK);
        EnumerableSet.AddressSet storage pool = _pools[modelId];
        if (pool.contains(juror)) revert JuryArbiter_AlreadyEnrolled(juror, modelId);

        address replaced = address(0);
        if (pool.length() == MAX_POOL) {
            uint128 leastFree;
            (replaced, leastFree) = _least(pool);
            if (leastFree >= free) revert JuryArbiter_PoolFull(modelId, leastFree);
            pool.remove(replaced);
        }
        pool.add(juror);

        emit JurorEnrolled(modelId, juror, replaced);
    }

    /// @inheritdoc IJuryArbiter
    function leave(uint256 modelId, address juror) external onlyJurorKey(juror) {
        if (!_pools[modelId].remove(juror)) revert JuryArbiter_NotEnrolled(juror, modelId);

        emit JurorLeft(modelId, juror);
    }

    /// @inheritdoc IJuryArbiter
    function poolOf(uint256 modelId) external view returns (address[] memory) {
        return _pools[modelId].values();
    }

    /// @dev Members that may judge a case, with their free stake: no party to it, still serving the model, and able
    /// to lock what a juror stands to lose.
    function _eligible(
        CaseFacts calldata facts
    ) internal view returns (address[] memory members, uint128[] memory weights) {
        members = _pools[facts.modelId].values();
        weights = new uint128[](members.length);
        uint256 count = 0;
        for (uint256 i = 0; i < members.length; ++i) {
            uint128 free = STAKING.freeOf(members[i]);
            if (free < JUROR_LOCK || _isParty(members[i], facts)) continue;
            if (PROVIDERS.offerCountOf(members[i], facts.modelId) == 0) continue;
            (members[count], weights[count]) = (members[i], free);
            ++count;
        }
        // Shorten both arrays to what was kept.
        assembly ("memory-safe") {
            mstore(members, count)
            mstore(weights, count)
        }
    }

    /// @dev The judged provider's operator does not count: it names any key it likes, and could keep that key's owner
    /// out of the jury.
    function _isParty(address member, CaseFacts calldata facts) private view returns (bool) {
        address operator = PROVIDERS.operatorOf(member);
        return
            member == facts.provider ||
            member == facts.client ||
            member == facts.challenger ||
            operator == facts.client ||
            operator == facts.challenger;
    }

    function _least(EnumerableSet.AddressSet storage pool) private view returns (address member, uint128 free) {
        free = type(uint128).max;
        for (uint256 i = 0; i < pool.length(); ++i) {
            uint128 current = STAKING.freeOf(pool.at(i));
            if (current <= free) (member, free) = (pool.at(i), current);
        }
    }
}
