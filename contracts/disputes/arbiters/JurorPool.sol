// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IJuryArbiter} from "../../interfaces/IJuryArbiter.sol";
import {IProviderRegistry} from "../../interfaces/IProviderRegistry.sol";
import {IProviderStaking} from "../../interfaces/IProviderStaking.sol";
import {CaseFacts} from "../../types/DisputeTypes.sol";

/// @title Who may be drawn for a model
/// @notice Pools are small, so that a draw is one short loop; a full one keeps the members with the most bonded stake. What
/// a member stands to lose is locked when it enrols, and sitting uses none of it up: neither jobs bought from it nor
/// cases brought before it keep it off a jury.
abstract contract JurorPool is IJuryArbiter {
    using EnumerableSet for EnumerableSet.AddressSet;

    /// @notice Most members of a model's pool.
    uint256 public constant MAX_POOL = 32;
    /// @notice Silent seats that the deposit of a member pays for.
    uint8 public constant SILENT_SEATS = 4;

    IProviderRegistry public immutable PROVIDERS;
    IProviderStaking public immutable STAKING;
    /// @inheritdoc IJuryArbiter
    uint128 public immutable JUROR_LOCK;

    /// @dev Whoever is in a pool has locks left and is not leaving.
    mapping(uint256 modelId => EnumerableSet.AddressSet) private _pools;
    mapping(uint256 modelId => mapping(address juror => Membership)) private _memberships;

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
        Membership storage member = _memberships[modelId][juror];
        // Who was displaced or still sits somewhere has a deposit already.
        uint8 missing = SILENT_SEATS - member.locks;
        (member.locks, member.leaving) = (SILENT_SEATS, false);

        emit JurorEnrolled(modelId, juror, replaced);

        STAKING.lock(juror, missing * JUROR_LOCK);
    }

    /// @inheritdoc IJuryArbiter
    function leave(uint256 modelId, address juror) external onlyJurorKey(juror) {
        Membership storage member = _memberships[modelId][juror];
        if (member.locks == 0 || member.leaving) revert JuryArbiter_NotEnrolled(juror, modelId);

        _pools[modelId].remove(juror);
        member.leaving = true;

        emit JurorLeft(modelId, juror);

        _freeDeposit(modelId, juror);
    }

    /// @inheritdoc IJuryArbiter
    function poolOf(uint256 modelId) external view returns (address[] memory) {
        return _pools[modelId].values();
    }

    /// @inheritdoc IJuryArbiter
    function membershipOf(uint256 modelId, address juror) external view returns (Membership memory) {
        return _memberships[modelId][juror];
    }

    /// @dev Members that may judge a case, with their bonded stake: no party to it, still serving the model, with
    /// something bonded. How many cases they sit in does not count.
    function _eligible(
        CaseFacts calldata facts
    ) internal view returns (address[] memory members, uint128[] memory weights) {
        members = _pools[facts.modelId].values();
        weights = new uint128[](members.length);
        uint256 count = 0;
        for (uint256 i = 0; i < members.length; ++i) {
            uint128 bonded = STAKING.bondedOf(members[i]);
            if (bonded == 0 || _isParty(members[i], facts)) continue;
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

    /// @dev Seats who has something to lose and did not leave since the case was opened. Who was displaced since still
    /// sits: others must not choose the jury of an open case by enrolling.
    function _takeSeat(uint256 modelId, address juror) internal returns (bool) {
        Membership storage member = _memberships[modelId][juror];
        if (member.locks == 0 || member.leaving) return false;
        member.openSeats += 1;
        return true;
    }

    /// @dev Ends a seat. Silence costs a lock while there is one; without any a member is drawn no more.
    function _endSeat(uint256 modelId, address juror, bool silent) internal returns (uint128 penalty) {
        Membership storage member = _memberships[modelId][juror];
        bool pays = silent && member.locks > 0;
        member.openSeats -= 1;
        if (pays) member.locks -= 1;
        if (member.locks == 0 && _pools[modelId].remove(juror)) emit JurorLeft(modelId, juror);

        if (member.leaving) _freeDeposit(modelId, juror);
        if (pays) penalty = STAKING.slash(juror, JUROR_LOCK, JUROR_LOCK, address(this));
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
    }

    /// @dev Frees what is left of the deposit of who is leaving, once no seat can cost any of it.
    function _freeDeposit(uint256 modelId, address juror) private {
        Membership storage member = _memberships[modelId][juror];
        if (member.openSeats > 0) return;
        uint128 amount = member.locks * JUROR_LOCK;
        delete _memberships[modelId][juror];

        emit JurorDepositFreed(modelId, juror, amount);

        STAKING.release(juror, amount);
    }
}
