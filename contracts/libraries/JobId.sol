// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {JobTerms} from "../types/JobTypes.sol";

/// @title A job's id: keccak256(abi.encode(terms)), without encoding anew
/// @notice `JobTerms` has static members only, so its encoding is its twelve words as they lie in calldata or memory.
/// Every job action hashes them, hence the assembly; a test holds both forms against `abi.encode`.
/// @dev Calldata is not cleaned first: a word with dirty high bits has another hash than the id, which was taken over
/// clean memory, and belongs to no job.
library JobId {
    /// @notice Bytes of the encoding.
    uint256 internal constant SIZE = 12 * 32;

    /// @notice The id of the job with terms in calldata.
    function ofCalldata(JobTerms calldata terms) internal pure returns (uint256 jobId) {
        uint256 size = SIZE;
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, terms, size)
            jobId := keccak256(free, size)
        }
    }

    /// @notice The id of the job with terms in memory.
    function ofMemory(JobTerms memory terms) internal pure returns (uint256 jobId) {
        uint256 size = SIZE;
        assembly ("memory-safe") {
            jobId := keccak256(terms, size)
        }
    }
}
