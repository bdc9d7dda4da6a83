// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAuditOffice} from "../interfaces/IAuditOffice.sol";
import {IRandomness} from "../interfaces/IRandomness.sol";
import {BASIS_POINTS} from "../types/Limits.sol";

/// @title Seeds, and what they draw
/// @notice One request serves all jobs submitted since the last: a job that is not drawn costs nothing, and nor does a
/// time without jobs. Nobody can know a seed before it was asked for, hence not while any of its jobs was submitted.
abstract contract AuditRounds is IAuditOffice {
    IRandomness public immutable RANDOMNESS;
    /// @notice Least seconds between two rounds.
    uint32 public immutable ROUND_PERIOD;
    /// @notice Seconds from a round's seed to the last commitment. Turns are spread over the first half.
    uint32 public immutable COMMIT_PERIOD;

    /// @inheritdoc IAuditOffice
    uint256 public lastRound;
    /// @inheritdoc IAuditOffice
    uint16 public auditRateBps;
    mapping(uint256 round => Round) private _rounds;

    constructor(IRandomness randomness, uint32 roundPeriod, uint32 commitPeriod, uint16 firstRateBps) {
        (RANDOMNESS, ROUND_PERIOD, COMMIT_PERIOD) = (randomness, roundPeriod, commitPeriod);
        _rounds[1].rateBps = firstRateBps;
    }

    /// @inheritdoc IAuditOffice
    function askSeed() external returns (uint256 round) {
        uint256 nextAt = uint256(_rounds[lastRound].askedAt) + ROUND_PERIOD;
        if (block.timestamp < nextAt) revert AuditOffice_RoundTooEarly(nextAt);

        round = ++lastRound;
        _rounds[round].askedAt = uint48(block.timestamp);
        // From here on jobs belong to the next: no later change of the rate reaches them.
        _rounds[round + 1].rateBps = auditRateBps;
        _ask(round);
    }

    /// @inheritdoc IAuditOffice
    function recordSeed(uint256 round) external {
        Round storage record = _rounds[round];
        if (record.askedAt == 0) revert AuditOffice_UnknownRound(round);
        if (record.seed != 0) revert AuditOffice_AlreadyRecorded(round);
        (bytes32 seed, bool expired) = RANDOMNESS.seedOf(record.seedRequest);
        if (expired) return _ask(round);
        if (seed == 0) revert AuditOffice_SeedNotReady(round);

        (record.seed, record.recordedAt) = (seed, uint48(block.timestamp));

        emit SeedRecorded(round, seed);
    }

    /// @inheritdoc IAuditOffice
    function roundOf(uint256 round) external view returns (Round memory) {
        return _rounds[round];
    }

    /// @inheritdoc IAuditOffice
    function isDrawn(uint256 jobId, uint256 round) external view returns (bool) {
        _requireSeed(round);
        return _isDrawn(jobId, _rounds[round]);
    }

    /// @inheritdoc IAuditOffice
    /// @dev The earliest of its tickets' lots: n tickets have the chances of n auditors.
    function turnOf(uint256 jobId, uint256 round, address auditor, uint8 tickets) public view returns (uint256) {
        bytes32 seed = _requireSeed(round);
        uint256 least = type(uint64).max;
        for (uint256 i = 0; i < tickets; ++i) {
            uint256 lot = uint64(uint256(keccak256(abi.encode(seed, jobId, auditor, i))));
            if (lot < least) least = lot;
        }
        return _rounds[round].recordedAt + ((least * (COMMIT_PERIOD / 2)) >> 64);
    }

    function _isDrawn(uint256 jobId, Round memory record) internal pure returns (bool) {
        return uint256(keccak256(abi.encode(record.seed, jobId))) % BASIS_POINTS < record.rateBps;
    }

    /// @dev What a job is drawn at that is requested now and submitted in this round, or a later one.
    function _rateOfNewJobs() internal view returns (uint16) {
        uint16 openBps = _rounds[lastRound + 1].rateBps;
        return openBps < auditRateBps ? openBps : auditRateBps;
    }

    /// @dev The round that is for a job submitted at this time, its seed known. Of the second in which a seed was asked
    /// for, jobs belong to the next round: blocks of one second could follow until the seed is known.
    function _requireRound(uint256 round, uint256 submittedAt) internal view returns (Round memory record) {
        _requireSeed(round);
        record = _rounds[round];
        if (submittedAt >= record.askedAt || submittedAt < _rounds[round - 1].askedAt) {
            revert AuditOffice_OtherRound(round, submittedAt);
        }
    }

    function _requireSeed(uint256 round) private view returns (bytes32 seed) {
        seed = _rounds[round].seed;
        if (seed == 0) revert AuditOffice_SeedNotReady(round);
    }

    function _ask(uint256 round) private {
        uint256 seedRequest = RANDOMNESS.requestSeed();
        _rounds[round].seedRequest = seedRequest;

        emit SeedAsked(round, seedRequest);
    }
}
