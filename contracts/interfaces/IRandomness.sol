// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title A seed nobody knows when it is asked for
interface IRandomness {
    /// @notice Asks for a seed that will be known later.
    function requestSeed() external returns (uint256 requestId);

    /// @notice The seed, once it is known and while it is.
    /// @return seed Zero while it is not known.
    /// @return expired True if it was missed and must be asked for anew.
    function seedOf(uint256 requestId) external view returns (bytes32 seed, bool expired);
}
