// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TensorLayout} from "./TensorLayout.sol";

/// @title Dot products of bytes, eight multiply-adds for each multiplication
/// @notice Of a word of 32 bytes, the bytes 4g + p form plane p: eight lanes of 32 bits with a byte in each. If the
/// lanes of one of two planes stand in reverse order, the highest lane of their product is the sum of the eight
/// products of bytes that belong together. No lane overflows: 8 * 255^2 < 2^20.
library ByteDot {
    /// @notice Over all pairs: Σ a * b, Σ a, Σ b, all bytes taken as unsigned.
    struct Sums {
        uint256 products;
        uint256 a;
        uint256 b;
        uint256 count;
    }

    /// @notice Where bytes lie in the calldata, and how they are to be read.
    struct Run {
        uint256 start;
        /// In each word the groups of four bytes stand in reverse order.
        bool isReversed;
        /// 0x80 in each byte for int8, which becomes uint8 by adding 128; zero for uint8.
        uint256 flip;
    }

    uint256 internal constant INT8_FLIP = 0x8080808080808080808080808080808080808080808080808080808080808080;

    /// @dev Sums of so many products stay below 2^32.
    uint256 internal constant MAX_LENGTH = TensorLayout.MAX_LEAF_BYTES;
    uint256 private constant ALL = type(uint256).max;
    uint256 private constant ONES = ALL / 0xffffffff;
    uint256 private constant PLANE = 0xff * ONES;
    uint256 private constant ODD_64 = 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;
    uint256 private constant ODD_32 = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;

    error ByteDot_TooLong(uint256 length);

    /// @notice Adds `length` pairs; `a` is not reversed. The caller made sure that they lie within their leaves.
    function add(Sums memory sums, Run memory a, Run memory b, uint256 length) internal pure {
        if (length > MAX_LENGTH) revert ByteDot_TooLong(length);
        unchecked {
            uint256 whole = length & ~uint256(31);
            if (whole != 0) _addWords(sums, a, b, 0, whole, ALL, ALL);
            uint256 rest = length & 31;
            if (rest != 0) {
                uint256 mask = ~(ALL >> (8 * rest));
                _addWords(sums, a, b, whole, length, mask, b.isReversed ? _reversed(mask) : mask);
            }
            sums.count += length;
        }
    }

    /// @notice Σ (a - zeroA)(b - zeroB), where int8 was flipped, its zero point is 128 more.
    function centred(Sums memory sums, int256 zeroA, int256 zeroB) internal pure returns (int256) {
        return
            int256(sums.products) -
            zeroB * int256(sums.a) -
            zeroA * int256(sums.b) +
            int256(sums.count) * zeroA * zeroB;
    }

    /// @dev Words at `from`, `from` + 32, ... below `to`, cut to the masks. At most 2048 words: no sum of a lane
    /// reaches 2^32.
    function _addWords(
        Sums memory sums,
        Run memory a,
        Run memory b,
        uint256 from,
        uint256 to,
        uint256 maskA,
        uint256 maskB
    ) private pure {
        (uint256 products, uint256 sumA, uint256 sumB) = (0, 0, 0);
        (uint256 at, uint256 end) = (a.start + from, a.start + to);
        unchecked {
            uint256 fromAToB = b.start - a.start;
            (uint256 flipA, uint256 flipB) = (a.flip, b.flip);
            bool isStraight = !b.isReversed;
            for (; at < end; at += 32) {
                uint256 x = (_load(at) ^ flipA) & maskA;
                uint256 y = (_load(at + fromAToB) ^ flipB) & maskB;
                if (isStraight) y = _reversed(y);

                (uint256 planeX, uint256 planeY) = (x & PLANE, y & PLANE);
                products += planeX * planeY;
                sumA += planeX;
                sumB += planeY;
                (planeX, planeY) = ((x >> 8) & PLANE, (y >> 8) & PLANE);
                products += planeX * planeY;
                sumA += planeX;
                sumB += planeY;
                (planeX, planeY) = ((x >> 16) & PLANE, (y >> 16) & PLANE);
                products += planeX * planeY;
                sumA += planeX;
                sumB += planeY;
                (planeX, planeY) = ((x >> 24) & PLANE, (y >> 24) & PLANE);
                products += planeX * planeY;
                sumA += planeX;
                sumB += planeY;
            }
            sums.products += products >> 224;
            // A product with a one in each lane adds up the lanes.
            sums.a += (sumA * ONES) >> 224;
            sums.b += (sumB * ONES) >> 224;
        }
    }

    /// @dev The eight groups of four bytes in reverse order.
    function _reversed(uint256 word) private pure returns (uint256) {
        word = (word >> 128) | (word << 128);
        word = ((word >> 64) & ODD_64) | ((word & ODD_64) << 64);
        return ((word >> 32) & ODD_32) | ((word & ODD_32) << 32);
    }

    function _load(uint256 position) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(position)
        }
    }
}
