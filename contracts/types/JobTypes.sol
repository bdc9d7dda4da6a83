// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// The terms of one job, fixed when it is requested. Their hash is the job's id: whoever acts on a job brings them
/// along, as they were emitted in `JobRequested`.
struct JobTerms {
    /// Number of this payment among the client's in `token` (`PaymentEscrow.hold`): no two jobs have the same terms.
    uint64 nonce;
    /// Who pays, and who is refunded.
    address client;
    /// Who earns the price and backs the result with stake.
    address provider;
    /// The provider's worker key when the job was requested: delivers, as the provider itself may.
    address operator;
    /// The model to run (`ModelRegistry`).
    uint256 modelId;
    /// Commitment to the input tensors (`docs/COMMITMENTS.md`).
    bytes32 inputCommitment;
    /// ERC-20 the price is paid in.
    address token;
    /// Price of the job, in units of `token`.
    uint128 price;
    /// Provider's stake locked behind the job, in units of the stake token.
    uint128 stake;
    /// Last second in which a result may be submitted.
    uint48 executionDeadline;
    /// Seconds after submission in which the result may be challenged.
    uint32 challengeWindow;
    /// Protocol fee in basis points of the price.
    uint16 protocolFeeBps;
}

/// What a job is, derived from its stored stage and the clock.
enum JobStatus {
    /// Never requested, or settled: `JobPaid` or `JobRefunded` tells which way.
    None,
    /// Waiting for its provider.
    Requested,
    /// Not delivered in time: anyone may refund the client.
    Expired,
    /// Delivered, inside its challenge window.
    Submitted,
    /// Delivered and unchallenged: anyone may finalise it.
    Finalisable,
    /// A challenge is being judged.
    Disputed
}
