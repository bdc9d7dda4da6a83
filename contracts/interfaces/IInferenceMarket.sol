// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {JobStatus, JobTerms} from "../types/JobTypes.sol";

/// @title Jobs from request to settlement
/// @notice A client pays a provider's offer in advance; the provider delivers before the deadline; after the challenge
/// window anyone finalises. Every state has an exit by time and permissionless calls.
interface IInferenceMarket {
    /// @notice Parameters of new jobs.
    struct Parameters {
        uint16 protocolFeeBps;
        uint32 challengeWindow;
        uint128 minJobStake;
        address treasury;
    }

    /// @notice What a client asks for.
    struct JobRequest {
        address provider;
        uint256 modelId;
        bytes32 inputCommitment;
        address token;
        /// The offer must not cost more.
        uint128 maxPrice;
        /// The offer must lock at least this.
        uint128 minStake;
        /// The offer's deadline must not be later.
        uint48 deliverBy;
        /// Where the provider fetches the input.
        string inputUri;
    }

    /// @notice What a pot holds until it is collected: the prices of paid jobs and the stake still locked behind them.
    struct Earnings {
        uint128 amount;
        uint128 stake;
    }

    /// @notice A pot of earnings whose jobs all split alike.
    struct EarningsKey {
        address provider;
        uint256 modelId;
        address token;
        uint16 protocolFeeBps;
    }

    /// @notice A client paid for a job. `terms` are all that later calls need.
    event JobRequested(
        uint256 indexed jobId,
        address indexed client,
        address indexed provider,
        JobTerms terms,
        string inputUri
    );
    /// @notice A provider delivered; the result may be challenged up to and including `challengeableUntil`.
    event ResultSubmitted(
        uint256 indexed jobId,
        address indexed provider,
        bytes32 outputCommitment,
        uint48 challengeableUntil,
        string outputUri
    );
    /// @notice The provider earned the price.
    event JobPaid(uint256 indexed jobId, address indexed provider, address indexed token, uint128 price);
    /// @notice The client has the price back.
    event JobRefunded(uint256 indexed jobId, address indexed client, address indexed token, uint128 price);
    /// @notice A challenge froze the job until it is judged.
    event JobDisputed(uint256 indexed jobId, address indexed provider, bytes32 outputCommitment);
    /// @notice A pot of earnings was split.
    event EarningsCollected(
        address indexed provider,
        uint256 indexed modelId,
        address indexed token,
        address payout,
        uint128 providerAmount,
        address modelOwner,
        uint128 royaltyAmount,
        address treasury,
        uint128 feeAmount,
        uint128 stakeReleased
    );
    /// @notice The protocol fee of new jobs changed.
    event ProtocolFeeChanged(uint16 protocolFeeBps);
    /// @notice The challenge window of new jobs changed.
    event ChallengeWindowChanged(uint32 challengeWindow);
    /// @notice The least stake behind new jobs changed.
    event MinJobStakeChanged(uint128 minJobStake);
    /// @notice Fees go to another account from here on.
    event TreasuryChanged(address indexed treasury);
    /// @notice New jobs were paused or allowed again.
    event PauseChanged(bool paused);
    /// @notice The court was named, for good.
    event DisputesLinked(address indexed disputes);

    error InferenceMarket_Paused();
    error InferenceMarket_PriceAboveMax(uint128 price, uint128 maxPrice);
    error InferenceMarket_StakeBelowMin(uint128 stake, uint128 minStake);
    error InferenceMarket_DeadlineTooLate(uint48 deadline, uint48 deliverBy);
    error InferenceMarket_OutputMismatch(uint256 jobId, bytes32 outputCommitment);
    error InferenceMarket_WrongStatus(uint256 jobId, JobStatus current, JobStatus expected);
    error InferenceMarket_NotProvider(address provider, address caller);
    error InferenceMarket_NotDisputes(address caller);
    error InferenceMarket_EmptyOutput();
    error InferenceMarket_NothingEarned();
    error InferenceMarket_FeeAboveCap(uint16 protocolFeeBps, uint16 cap);
    error InferenceMarket_WindowOutOfBounds(uint32 challengeWindow, uint32 min, uint32 max);
    error InferenceMarket_ZeroAddress();
    error InferenceMarket_AlreadyLinked(address disputes);
    error InferenceMarket_NotDeployer(address caller);

    /// @notice Requests one inference from a provider at its offer; the price is taken from the caller's escrow balance.
    function request(JobRequest calldata job) external returns (uint256 jobId);

    /// @notice Delivers the result. Only the provider or its operator, up to and including the deadline.
    function submit(JobTerms calldata terms, bytes32 outputCommitment, string calldata outputUri) external;

    /// @notice Gives a job back undone: the client is refunded at once. Only the provider or its operator.
    function decline(JobTerms calldata terms) external;

    /// @notice Refunds a job that was not delivered in time. Anyone.
    function expire(JobTerms calldata terms) external;

    /// @notice Pays a job whose result nobody challenged in time. Anyone.
    function finalise(JobTerms calldata terms) external;

    /// @notice Pays those of the jobs that are due and skips the others, which somebody else may have finalised just
    /// before. Anyone.
    /// @return paid How many were paid.
    function finaliseDue(JobTerms[] calldata due) external returns (uint256 paid);

    /// @notice `submit` and `finaliseDue` in one transaction: how a busy provider settles.
    function submitAndFinaliseDue(
        JobTerms calldata terms,
        bytes32 outputCommitment,
        string calldata outputUri,
        JobTerms[] calldata due
    ) external;

    /// @notice Splits a pot of earnings between provider, model owner and treasury, and releases the stake behind its
    /// jobs. Once for many jobs, which keeps a job cheap. Anyone.
    function collect(EarningsKey calldata key) external;

    /// @notice Freezes a delivered job inside its window. Only the court.
    /// @return jobId Of the job with these terms.
    /// @return challengeableUntil Last second of its challenge window.
    function openDispute(
        JobTerms calldata terms,
        bytes32 outputCommitment
    ) external returns (uint256 jobId, uint48 challengeableUntil);

    /// @notice Ends a dispute. If `upheld` the client is refunded and the court slashes the lock it takes over;
    /// otherwise the provider is paid as if nobody had challenged. Only the court.
    function closeDispute(JobTerms calldata terms, bool upheld) external;

    /// @notice Names the court, once. Only the deployer.
    function linkDisputes(address disputes) external;

    /// @notice Stops new jobs, and nothing else. Guardian.
    function pause() external;

    /// @notice Allows new jobs again. Parameter role, after its delay.
    function unpause() external;

    /// @notice Sets the protocol fee of new jobs. Parameter role, after its delay.
    function setProtocolFee(uint16 protocolFeeBps) external;

    /// @notice Sets the challenge window of new jobs. Parameter role, after its delay.
    function setChallengeWindow(uint32 challengeWindow) external;

    /// @notice Sets the least stake behind new jobs. Parameter role, after its delay.
    function setMinJobStake(uint128 minJobStake) external;

    /// @notice Sets the account that fees are credited to. Parameter role, after its delay.
    function setTreasury(address account) external;

    /// @notice What a job is now.
    function statusOf(uint256 jobId) external view returns (JobStatus);

    /// @notice The last second of the job's current phase: execution deadline or end of the challenge window.
    function phaseEndOf(uint256 jobId) external view returns (uint48);

    /// @notice Whether an open job was delivered with this output. Nothing is known of settled jobs any more.
    function hasOutput(uint256 jobId, bytes32 outputCommitment) external view returns (bool);

    /// @notice The id of the job with these terms: keccak256(abi.encode(terms)).
    function idOf(JobTerms calldata terms) external pure returns (uint256 jobId);

    /// @notice What a pot holds before its split.
    function earnedOf(EarningsKey calldata key) external view returns (Earnings memory);

    /// @notice The parameters of new jobs.
    function parameters()
        external
        view
        returns (bool paused, uint16 protocolFeeBps, uint32 challengeWindow, uint128 minJobStake);

    /// @notice Who gets protocol fees and what is left of slashes.
    function treasury() external view returns (address);
}
