// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// The cheatcodes these tests use, out of those that Hardhat and Foundry both offer.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    /// Sets the clock.
    function warp(uint256 timestamp) external;
    /// Sets the number of the block.
    function roll(uint256 number) external;
    /// Makes the next call come from `sender`.
    function prank(address sender) external;
    /// Expects the next call to revert with exactly this.
    function expectRevert(bytes calldata revertData) external;
    /// Expects the next call to revert with a custom error, whatever its values.
    function expectPartialRevert(bytes4 selector) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function sign(uint256 privateKey, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function addr(uint256 privateKey) external pure returns (address);
    /// What creates a contract, by the contract's name.
    function getCode(string calldata name) external view returns (bytes memory);
    function toString(uint256 value) external pure returns (string memory);
    function toString(bytes calldata value) external pure returns (string memory);
    /// Appends a line to a file; `hardhat.config.ts` allows one.
    function writeLine(string calldata path, string calldata line) external;
}
