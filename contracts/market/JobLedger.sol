// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {JobTermsHash} from "../libraries/JobTermsHash.sol";
import {JobStatus, JobTerms} from "../types/JobTypes.sol";

/// @title State and status of jobs: one storage slot each
/// @notice A job's slot holds its stage, the last second of its phase and a fingerprint of all else. Whoever acts on
/// a job brings its terms; the fingerprint proves them.
abstract contract JobLedger is IInferenceMarket {
    /// @dev What was done last. What time made of it is `JobStatus`.
    enum Stage {
        None,
        Requested,
        Submitted,
        Disputed
    }

    /// @dev 200 bits of a hash: finding two terms with one fingerprint takes about 2^100 hashes.
    struct Job {
        bytes25 fingerprint;
        uint48 phaseEnd;
        Stage stage;
    }

    mapping(uint256 jobId => Job) private _jobs;

    /// @inheritdoc IInferenceMarket
    function statusOf(uint256 jobId) external view returns (JobStatus) {
        return _status(jobId, _jobs[jobId]);
    }

    /// @inheritdoc IInferenceMarket
    function phaseEndOf(uint256 jobId) external view returns (uint48) {
        return _jobs[jobId].phaseEnd;
    }

    /// @inheritdoc IInferenceMarket
    function matches(JobTerms calldata terms, bytes32 outputCommitment) external view returns (bool) {
        (bool matching, ) = _look(terms, outputCommitment);
        return matching;
    }

    /// @dev Checks that the job is what the caller says and stands where it must.
    function _requireJob(JobTerms calldata terms, bytes32 outputCommitment, JobStatus expected) internal view {
        (bool matching, JobStatus current) = _look(terms, outputCommitment);
        if (current != expected) revert InferenceMarket_WrongStatus(terms.id, current, expected);
        if (!matching) revert InferenceMarket_TermsMismatch(terms.id);
    }

    /// @dev Whether the job is what the caller says, and where it stands.
    function _look(JobTerms calldata terms, bytes32 outputCommitment) internal view returns (bool, JobStatus) {
        Job memory job = _jobs[terms.id];
        return (job.fingerprint == _fingerprint(terms, outputCommitment), _status(terms.id, job));
    }

    /// @dev The first entry of a job, before any calldata carries its terms.
    function _open(JobTerms memory terms) internal {
        _jobs[terms.id] = Job(_mix(JobTermsHash.ofMemory(terms), 0), terms.executionDeadline, Stage.Requested);
    }

    /// @dev Moves a job on; its fingerprint takes in the output.
    function _advance(JobTerms calldata terms, bytes32 outputCommitment, uint48 phaseEnd, Stage stage) internal {
        _jobs[terms.id] = Job(_fingerprint(terms, outputCommitment), phaseEnd, stage);
    }

    function _setStage(uint256 jobId, Stage stage) internal {
        _jobs[jobId].stage = stage;
    }

    /// @dev Terminal: the slot is emptied, which is what the chain pays back for.
    function _close(uint256 jobId) internal {
        delete _jobs[jobId];
    }

    /// @dev The newest job's id: every smaller one was given out before.
    function _lastJobId() internal view virtual returns (uint256);

    function _status(uint256 jobId, Job memory job) private view returns (JobStatus) {
        bool over = block.timestamp > job.phaseEnd;
        if (job.stage == Stage.Requested) return over ? JobStatus.Expired : JobStatus.Requested;
        if (job.stage == Stage.Submitted) return over ? JobStatus.Finalisable : JobStatus.Submitted;
        if (job.stage == Stage.Disputed) return JobStatus.Disputed;
        return jobId != 0 && jobId <= _lastJobId() ? JobStatus.Settled : JobStatus.None;
    }

    function _fingerprint(JobTerms calldata terms, bytes32 outputCommitment) private pure returns (bytes25) {
        return _mix(JobTermsHash.ofCalldata(terms), outputCommitment);
    }

    function _mix(bytes32 termsHash, bytes32 outputCommitment) private pure returns (bytes25) {
        return bytes25(Hashes.efficientKeccak256(termsHash, outputCommitment));
    }
}
