// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title What it costs a provider to defend itself before the proof court
/// @notice Asking must not be cheaper than answering:
///
///   fee of a demand     >=  1.5 * gas of its answer
///   bond of a challenge >=  1.5 * (gas of the longest trace + gas of the longest answer)
///
/// with gas at a value in stake tokens that the deployer names. The figures are upper bounds of whole transactions;
/// `test/disputes/defenceGas.ts` holds receipts against them.
library DefenceGas {
    /// @notice Of an answer, with the longest proofs, but for the words that it shows.
    uint256 internal constant ANSWER = 87_000;
    /// @notice Of each word of 32 bytes that it shows: 40 gas a byte (EIP-7623), and its share of what encodes it.
    uint256 internal constant WORD = 1_300;
    /// @notice Words of the longest leaf.
    uint256 internal constant MOST_WORDS = 2_048;
    /// @notice Of a trace with as many roots as a transaction of 128 KB carries.
    uint256 internal constant TRACE = 5_600_000;

    /// @notice What a demand for so many words costs.
    /// @param gasValue Stake tokens, in their smallest unit, that one gas is worth.
    function demandFee(uint256 words, uint64 gasValue) internal pure returns (uint128) {
        return _covering(ANSWER + words * WORD, gasValue);
    }

    /// @notice What a challenge has to put at risk, at least.
    function leastBond(uint64 gasValue) internal pure returns (uint128) {
        return _covering(TRACE + ANSWER + MOST_WORDS * WORD, gasValue);
    }

    /// @dev Half as much again. No gas that a block could hold and no 64 bits come near 2^128.
    function _covering(uint256 gas_, uint64 gasValue) private pure returns (uint128) {
        return uint128((gas_ * gasValue * 3) / 2);
    }
}
