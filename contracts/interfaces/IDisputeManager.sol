// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IModelRegistry} from "./IModelRegistry.sol";
import {IArbiter} from "./IArbiter.sol";
import {JobTerms} from "../types/JobTypes.sol";
import {Ruling} from "../types/DisputeTypes.sol";

/// @title Challenges, bonds and what follows from a ruling
/// @notice Holds the money of a dispute; who is right is decided by the arbiter of the model's profile.
interface IDisputeManager {
    /// @notice One challenge.
    struct Case {
        uint256 jobId;
        address challenger;
        uint48 openedAt;
        /// None if the case was opened by a proof of equivocation, which ends it too: it has neither arbiter nor bond.
        IModelRegistry.Profile profile;
        IArbiter arbiter;
        Ruling ruling;
        uint128 bond;
        /// What the ruling gave the arbiter to pay its jurors; zero if it is not paid.
        uint128 arbiterReward;
    }

    /// @notice A result was challenged.
    /// @param stake What the provider loses if the challenge is upheld.
    event CaseOpened(
        uint256 indexed caseId,
        uint256 indexed jobId,
        address indexed challenger,
        address arbiter,
        uint128 bond,
        uint128 stake,
        bytes32 outputCommitment
    );
    /// @notice A case ended; all amounts are balances in the escrow now.
    event CaseResolved(
        uint256 indexed caseId,
        uint256 indexed jobId,
        Ruling ruling,
        address finder,
        uint128 finderReward,
        uint128 arbiterReward,
        uint128 slashed,
        uint128 bondReturned,
        uint128 bondToProvider,
        uint128 treasuryAmount
    );
    /// @notice A provider signed another result for a job than it delivered.
    event EquivocationProven(
        uint256 indexed caseId,
        uint256 indexed jobId,
        address indexed finder,
        bytes32 delivered,
        bytes32 signed
    );
    /// @notice An arbiter was named for a profile, for good.
    event ArbiterSet(IModelRegistry.Profile indexed profile, address indexed arbiter);

    error DisputeManager_NoArbiter(IModelRegistry.Profile profile);
    error DisputeManager_ArbiterAlreadySet(IModelRegistry.Profile profile, address arbiter);
    error DisputeManager_UnknownCase(uint256 caseId);
    error DisputeManager_AlreadyResolved(uint256 caseId, Ruling ruling);
    error DisputeManager_NotYetRuled(uint256 caseId, uint256 latestAt);
    error DisputeManager_OtherJob(uint256 caseId, uint256 jobId);
    error DisputeManager_OtherOutput(uint256 jobId, bytes32 outputCommitment);
    error DisputeManager_AlreadyUpheld(uint256 caseId);
    error DisputeManager_SameResult(uint256 jobId, bytes32 outputCommitment);
    error DisputeManager_NotSigned(uint256 jobId, bytes32 outputCommitment);
    error DisputeManager_NotDeployer(address caller);
    error DisputeManager_ArbiterTooSlow(uint256 period, uint256 cap);
    error DisputeManager_SelfSlashProfitable(uint256 paidBackBps);
    error DisputeManager_ZeroAddress();
    error DisputeManager_ZeroBond();
    error DisputeManager_TooLittleGas(uint256 gasLeft, uint256 required);

    /// @notice Challenges a delivered result inside its window; the bond is taken from the caller's escrow balance.
    function challenge(JobTerms calldata terms, bytes32 outputCommitment) external returns (uint256 caseId);

    /// @notice Carries out a ruling, or ends a case whose arbiter is silent for `MAX_RESOLUTION`. Anyone.
    function resolve(uint256 caseId, JobTerms calldata terms) external;

    /// @notice Convicts at once, without bond or arbiter: the provider or its operator signed another result for this
    /// job than the delivered one. Until the challenge window ends or, if the job was challenged, until its arbiter upholds
    /// the challenge or the case is resolved. The finder is the caller or, if the job was challenged, who challenged.
    /// @param delivered Output commitment that was submitted.
    /// @param signed Output commitment that was signed.
    /// @param signature Over `resultDigest(jobId, signed)`, by `terms.operator` or `terms.provider`.
    function proveEquivocation(
        JobTerms calldata terms,
        bytes32 delivered,
        bytes32 signed,
        bytes calldata signature
    ) external returns (uint256 caseId);

    /// @notice Names the arbiter of a profile, once. Only the deployer.
    function setArbiter(IModelRegistry.Profile profile, IArbiter arbiter) external;

    /// @notice The arbiter of a profile.
    function arbiterOf(IModelRegistry.Profile profile) external view returns (IArbiter);

    /// @notice One case.
    function caseOf(uint256 caseId) external view returns (Case memory);

    /// @notice The case about a job; zero if there was none.
    function caseOfJob(uint256 jobId) external view returns (uint256 caseId);

    /// @notice What whoever delivers a job signs to answer for a result off chain (EIP-712).
    function resultDigest(uint256 jobId, bytes32 outputCommitment) external view returns (bytes32);

    /// @notice The account that gets what is left of slashes.
    function treasury() external view returns (address);

    /// @notice Id of the latest case.
    function lastCaseId() external view returns (uint256);

    /// @notice EIP-712 type of a signed result.
    // solhint-disable-next-line func-name-mixedcase
    function RESULT_TYPEHASH() external view returns (bytes32);

    /// @notice The finder's share of a slash, in basis points.
    // solhint-disable-next-line func-name-mixedcase
    function FINDER_BPS() external view returns (uint16);

    /// @notice The bond of a challenge, in the stake token.
    // solhint-disable-next-line func-name-mixedcase
    function CHALLENGE_BOND() external view returns (uint128);
}
