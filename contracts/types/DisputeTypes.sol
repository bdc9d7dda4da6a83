// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// What an arbiter decided about a challenged result.
enum Ruling {
    /// Not decided yet.
    None,
    /// The result is wrong: the client is refunded, the provider slashed.
    Upheld,
    /// The result is right: the provider is paid, the challenger loses the bond.
    Rejected,
    /// Nobody could tell: the result was not proven wrong, so it is paid; the bond goes back.
    Inconclusive
}

/// All an arbiter may rely on about the job in question.
struct CaseFacts {
    uint256 jobId;
    uint256 modelId;
    address provider;
    address client;
    address challenger;
    bytes32 inputCommitment;
    /// The result under challenge.
    bytes32 outputCommitment;
    /// Last second of the challenge window.
    uint48 challengeableUntil;
}
