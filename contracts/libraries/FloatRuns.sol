// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Accumulator} from "../disputes/verifiers/ExactAccumulator.sol";

/// @title Runs of float32 as terms of an exact sum
/// @notice Eight numbers at once.
library FloatRuns {
    uint256 private constant NUMBERS_PER_WORD = 8;
    uint256 private constant ALL = type(uint256).max;
    /// @dev Eight times 1.0.
    uint256 private constant ONES = 0x3f8000003f8000003f8000003f8000003f8000003f8000003f8000003f800000;

    /// @notice Adds products of numbers that lie one behind the other in the calldata, their first byte the lowest. The
    /// caller made sure that they lie within their leaves.
    function addProducts(Accumulator memory sum, uint256 a, uint256 b, uint256 count) internal pure {
        unchecked {
            for (; count >= NUMBERS_PER_WORD; count -= NUMBERS_PER_WORD) {
                sum.addProducts(_load(a, ALL), _load(b, ALL));
                (a, b) = (a + 32, b + 32);
            }
            // What follows a run may be infinite, and zero times infinity is no number: both are cut.
            uint256 mask = ~(ALL >> (32 * count));
            if (count != 0) sum.addProducts(_load(a, mask), _load(b, mask));
        }
    }

    /// @notice Adds numbers, given by their bits.
    function addNumbers(Accumulator memory sum, uint256[] memory numbers) internal pure {
        uint256 word;
        for (uint256 i; i < numbers.length; ++i) {
            word = (word << 32) | numbers[i];
            if ((i + 1) % NUMBERS_PER_WORD == 0) sum.addProducts(word, ONES);
        }
        uint256 rest = numbers.length % NUMBERS_PER_WORD;
        if (rest != 0) sum.addProducts(word & ((1 << (32 * rest)) - 1), ONES);
    }

    /// @notice Numbers that lie one behind the other in the calldata, by their bits.
    function load(uint256 at, uint256 count) internal pure returns (uint256[] memory numbers) {
        numbers = new uint256[](count);
        copy(at, numbers, 0, count);
    }

    /// @notice Writes such numbers to the places from `from` to `to` of a list.
    function copy(uint256 at, uint256[] memory numbers, uint256 from, uint256 to) internal pure {
        unchecked {
            for (uint256 i = from; i < to; i += NUMBERS_PER_WORD) {
                uint256 word = _load(at + 4 * (i - from), ALL);
                uint256 end = to - i < NUMBERS_PER_WORD ? to : i + NUMBERS_PER_WORD;
                assembly ("memory-safe") {
                    let last := add(numbers, shl(5, add(end, 1)))
                    for {
                        let place := add(numbers, shl(5, add(i, 1)))
                    } lt(place, last) {
                        place := add(place, 32)
                    } {
                        mstore(place, shr(224, word))
                        word := shl(32, word)
                    }
                }
            }
        }
    }

    /// @dev Eight numbers with their highest byte first.
    function _load(uint256 at, uint256 mask) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := and(calldataload(at), mask)
            let odd := 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff
            word := or(and(shr(8, word), odd), shl(8, and(word, odd)))
            odd := 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff
            word := or(and(shr(16, word), odd), shl(16, and(word, odd)))
        }
    }
}
