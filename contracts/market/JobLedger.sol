// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {JobId} from "../libraries/JobId.sol";
import {JobStatus, JobTerms} from "../types/JobTypes.sol";

/// @title State and status of jobs: one storage slot each
/// @notice A job's id is the hash of its terms, so whoever acts on a job brings them and needs no other proof.
abstract contract JobLedger is IInferenceMarket {
    /// @dev What was done last. What time made of it is `JobStatus`.
    enum Stage {
        None,
        Requested,
        Submitted,
        Disputed
    }

    /// @dev `output` is 200 bits of a hash of the output's commitment, zero before delivery: two outputs with the same
    /// take about 2^100 hashes. Never bits of the commitment itself, or whoever challenges could change the others.
    struct Job {
        bytes25 output;
        uint48 phaseEnd;
        Stage stage;
    }

    mapping(uint256 jobId => Job) private _jobs;

    /// @inheritdoc IInferenceMarket
    function statusOf(uint256 jobId) external view returns (JobStatus) {
        return _status(_jobs[jobId]);
    }

    /// @inheritdoc IInferenceMarket
    function phaseEndOf(uint256 jobId) public view returns (uint48) {
        return _jobs[jobId].phaseEnd;
    }

    /// @inheritdoc IInferenceMarket
    function hasOutput(uint256 jobId, bytes32 outputCommitment) public view returns (bool) {
        return outputCommitment != 0 && _jobs[jobId].output == _fingerprint(outputCommitment);
    }

    /// @inheritdoc IInferenceMarket
    function idOf(JobTerms calldata terms) external pure returns (uint256) {
        return JobId.ofCalldata(terms);
    }

    /// @dev The id of the job with these terms, if it stands where it must.
    function _requireJob(JobTerms calldata terms, JobStatus expected) internal view returns (uint256 jobId) {
        jobId = JobId.ofCalldata(terms);
        JobStatus current = _status(_jobs[jobId]);
        if (current != expected) revert InferenceMarket_WrongStatus(jobId, current, expected);
    }

    function _isFinalisable(uint256 jobId) internal view returns (bool) {
        return _status(_jobs[jobId]) == JobStatus.Finalisable;
    }

    function _open(uint256 jobId, uint48 executionDeadline) internal {
        Job storage job = _jobs[jobId];
        (job.output, job.phaseEnd, job.stage) = (0, executionDeadline, Stage.Requested);
    }

    function _deliver(uint256 jobId, bytes32 outputCommitment, uint48 challengeableUntil) internal {
        Job storage job = _jobs[jobId];
        (job.output, job.phaseEnd, job.stage) = (_fingerprint(outputCommitment), challengeableUntil, Stage.Submitted);
    }

    function _freeze(uint256 jobId) internal {
        _jobs[jobId].stage = Stage.Disputed;
    }

    /// @dev Terminal: the slot is emptied, which is what the chain pays back for.
    function _close(uint256 jobId) internal {
        delete _jobs[jobId];
    }

    function _fingerprint(bytes32 outputCommitment) private pure returns (bytes25) {
        return bytes25(keccak256(abi.encode(outputCommitment)));
    }

    function _status(Job memory job) private view returns (JobStatus) {
        bool over = block.timestamp > job.phaseEnd;
        if (job.stage == Stage.Requested) return over ? JobStatus.Expired : JobStatus.Requested;
        if (job.stage == Stage.Submitted) return over ? JobStatus.Finalisable : JobStatus.Submitted;
        return job.stage == Stage.Disputed ? JobStatus.Disputed : JobStatus.None;
    }
}
