// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRandomness} from "../../interfaces/IRandomness.sol";

/// @title The hash of a block that does not exist yet
/// @notice Assumes that the producer of that one block is not a party to the case: it may try another block, or skip
/// its turn, at the price of its reward. Where that is too weak, deploy a VRF or beacon behind `IRandomness`.
contract BlockhashRandomness is IRandomness {
    /// @notice Blocks between the request and the block whose hash is the seed.
    uint256 public constant DELAY_BLOCKS = 2;
    /// @dev How far back the EVM knows block hashes.
    uint256 private constant _MEMORY_BLOCKS = 256;

    /// @inheritdoc IRandomness
    /// @dev Keeps no state: the request is the number of the block.
    function requestSeed() external view returns (uint256 requestId) {
        return block.number + DELAY_BLOCKS;
    }

    /// @inheritdoc IRandomness
    function seedOf(uint256 requestId) external view returns (bytes32 seed, bool expired) {
        if (block.number <= requestId) return (0, false);
        if (block.number - requestId > _MEMORY_BLOCKS) return (0, true);
        return (blockhash(requestId), false);
    }
}
