// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Data types of tensors, as numbered by ONNX
/// @notice An element's `bits` are its little-endian bytes as an unsigned number.
library DataTypes {
    uint8 internal constant FLOAT = 1;
    uint8 internal constant UINT8 = 2;
    uint8 internal constant INT8 = 3;
    uint8 internal constant UINT16 = 4;
    uint8 internal constant INT16 = 5;
    uint8 internal constant INT32 = 6;
    uint8 internal constant INT64 = 7;
    uint8 internal constant BOOL = 9;
    uint8 internal constant UINT32 = 12;
    uint8 internal constant UINT64 = 13;

    /// @dev Bit i says it of the type that has the number i.
    uint256 private constant SIGNED = 0x00e8;
    uint256 private constant INTEGERS = 0x30fc;

    function isInteger(uint8 dtype) internal pure returns (bool) {
        return dtype < 16 && (INTEGERS >> dtype) & 1 == 1;
    }

    function isByte(uint8 dtype) internal pure returns (bool) {
        return dtype == UINT8 || dtype == INT8;
    }

    function isSigned(uint8 dtype) internal pure returns (bool) {
        return dtype < 16 && (SIGNED >> dtype) & 1 == 1;
    }

    /// @notice The integer that `bits` stand for, in an integer type of `size` bytes.
    function toInt(uint8 dtype, uint256 size, uint256 bits) internal pure returns (int256 value) {
        value = int256(bits);
        if (isSigned(dtype)) {
            assembly ("memory-safe") {
                value := signextend(sub(size, 1), bits)
            }
        }
    }

    /// @notice Two's complement, cut to `size` bytes.
    function toBits(int256 value, uint256 size) internal pure returns (uint256) {
        return uint256(value) & ((1 << (8 * size)) - 1);
    }

    /// @notice Smallest and largest value of an integer type of `size` bytes.
    function range(uint8 dtype, uint256 size) internal pure returns (int256 lowest, int256 highest) {
        if (!isSigned(dtype)) return (0, int256((1 << (8 * size)) - 1));
        highest = int256((1 << (8 * size - 1)) - 1);
        lowest = -highest - 1;
    }

    /// @notice Whether an integer type of `size` bytes has this value.
    function holds(uint8 dtype, uint256 size, int256 value) internal pure returns (bool) {
        (int256 lowest, int256 highest) = range(dtype, size);
        return value >= lowest && value <= highest;
    }
}
