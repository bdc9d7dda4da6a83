// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FloatChain} from "./FloatChain.sol";
import {F32, SoftFloat32} from "../disputes/verifiers/SoftFloat32.sol";
import {Numeric} from "../types/GraphTypes.sol";

/// @title Sums of float32 in the orders in which onnxruntime takes them
/// @notice Specified in `docs/verifiers/FLOAT.md`. A term is a word with the bits of a number above those of its
/// factor; in a plain sum every factor is one. Adding to -0 changes nothing: a sum that begins with it begins with its
/// first term.
library FloatSums {
    /// @notice How terms that are not products are added up.
    enum Order {
        /// One after the other, or in blocks.
        Sequence,
        /// In four lanes, which are added up at the end; then what did not fill them.
        Lanes,
        /// In two times four lanes from the first address that is a multiple of 16 bytes; then what is before it and
        /// behind them.
        Packets,
        /// Each column of a window on its own; then the columns.
        Columns
    }

    /// @notice A sum in blocks: that of the terms since the last whole block, and that of all whole blocks.
    struct Blocks {
        F32 block;
        F32 total;
    }

    F32 internal constant MINUS_ZERO = F32.wrap(0x80000000);
    uint256 private constant LANES = 4;

    error FloatSums_OutOfRange(uint256 term, uint256 terms);

    /// @notice The terms of a plain sum have this factor.
    function term(uint256 bits) internal pure returns (uint256) {
        return (bits << 128) | F32.unwrap(SoftFloat32.ONE);
    }

    /// @notice Writes products of numbers that lie one behind the other in the calldata, their first byte the lowest:
    /// `count` terms from `terms[at]` on, `step` apart. Behind the calldata there are zeros.
    function fill(uint256[] memory terms, uint256 at, uint256 step, uint256 a, uint256 b, uint256 count) internal pure {
        if (count != 0 && at + (count - 1) * step >= terms.length) revert FloatSums_OutOfRange(at, terms.length);
        assembly ("memory-safe") {
            function bigEndian(word) -> swapped {
                let odd := 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff
                swapped := or(and(shr(8, word), odd), shl(8, and(word, odd)))
                odd := 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff
                swapped := or(and(shr(16, swapped), odd), shl(16, and(swapped, odd)))
            }
            // The numbers that lie in the same place of two words, one of them shifted into the upper half of a term.
            function put(to, step_, x, y) -> next {
                mstore(to, or(and(x, shl(128, 0xffffffff)), and(y, 0xffffffff)))
                next := add(to, step_)
            }
            let to := add(add(terms, 32), shl(5, at))
            step := shl(5, step)
            let last := add(to, mul(step, count))
            for {
                let whole := sub(last, mul(step, and(count, 7)))
            } lt(to, whole) {} {
                let x := bigEndian(calldataload(a))
                let y := bigEndian(calldataload(b))
                to := put(to, step, shr(96, x), shr(224, y))
                to := put(to, step, shr(64, x), shr(192, y))
                to := put(to, step, shr(32, x), shr(160, y))
                to := put(to, step, x, shr(128, y))
                to := put(to, step, shl(32, x), shr(96, y))
                to := put(to, step, shl(64, x), shr(64, y))
                to := put(to, step, shl(96, x), shr(32, y))
                to := put(to, step, shl(128, x), y)
                a := add(a, 32)
                b := add(b, 32)
            }
            let x := bigEndian(calldataload(a))
            let y := bigEndian(calldataload(b))
            for {} lt(to, last) {} {
                to := put(to, step, shr(96, x), shr(224, y))
                x := shl(32, x)
                y := shl(32, y)
            }
        }
    }

    /// @notice Adds products, block by block, each of which begins with `start`. They are the terms from `first` on of
    /// `length`.
    function addInBlocks(
        Blocks memory sum,
        uint256[] memory terms,
        uint256 first,
        uint256 length,
        Numeric memory numeric,
        F32 start
    ) internal pure {
        (F32 total, F32 running) = (sum.total, sum.block);
        uint256 startOfBlock = _startOfBlock(first, length, numeric.block);
        uint256 end;
        for (uint256 from; from < terms.length; from = end) {
            unchecked {
                uint256 endOfBlock = _endOfBlock(startOfBlock, length, numeric.block);
                startOfBlock = endOfBlock;
                end = endOfBlock - first;
            }
            bool isCut = end > terms.length;
            if (isCut) end = terms.length;
            running = FloatChain.addProducts(terms, from, end, running, numeric.fused);
            if (!isCut) (total, running) = (total.add(running), start);
        }
        (sum.total, sum.block) = (total, running);
    }

    /// @notice Term i of the whole fours goes into lane i % 4, which begins with zero.
    function inLanes(uint256[] memory terms) internal pure returns (F32 total) {
        F32[LANES] memory lanes;
        unchecked {
            uint256 whole = terms.length - (terms.length % LANES);
            for (uint256 i; i < whole; ++i) lanes[i % LANES] = lanes[i % LANES].add(_number(terms[i]));
            return _following(_folded(lanes), terms, whole, terms.length);
        }
    }

    /// @notice As `Order.Packets`. `offset` of the first term from such an address, in elements.
    function inPackets(uint256[] memory terms, uint256 offset) internal pure returns (F32) {
        unchecked {
            uint256 first = (LANES - (offset % LANES)) % LANES;
            if (terms.length < first + LANES) return _following(MINUS_ZERO, terms, 0, terms.length);
            uint256 packets = (terms.length - first) / LANES;
            F32[LANES] memory even = _lanes(terms, first, packets / 2);
            F32[LANES] memory odd = _lanes(terms, first + LANES, packets / 2);
            uint256 last = first + (packets - 1) * LANES;
            for (uint256 lane; lane < LANES; ++lane) {
                even[lane] = even[lane].add(odd[lane]);
                if (packets % 2 == 1) even[lane] = even[lane].add(_number(terms[last + lane]));
            }
            F32 total = _following(_folded(even), terms, 0, first);
            return _following(total, terms, first + packets * LANES, terms.length);
        }
    }

    /// @notice `taps` are the terms' row-major places in a window whose rows have `width` places. A column begins with
    /// its first term, and is zero if it has none.
    function inColumns(uint256[] memory terms, uint256[] memory taps, uint256 width) internal pure returns (F32 total) {
        F32[] memory columns = new F32[](width);
        for (uint256 i; i < taps.length; ++i) columns[taps[i] % width] = MINUS_ZERO;
        for (uint256 i; i < terms.length; ++i) {
            uint256 column = taps[i] % width;
            columns[column] = columns[column].add(_number(terms[i]));
        }
        total = MINUS_ZERO;
        for (uint256 column; column < width; ++column) total = total.add(columns[column]);
    }

    /// @dev Of the block in which a term lies.
    function _startOfBlock(uint256 first, uint256 length, uint256 block_) private pure returns (uint256 start) {
        if (block_ == 0) return 0;
        start = first - (first % block_);
        if (first > start && _endOfBlock(start, length, block_) == first) start = first;
    }

    /// @dev Three that remain of blocks of four are a pair and a single one: so the kernel for one row has it.
    function _endOfBlock(uint256 from, uint256 length, uint256 block_) private pure returns (uint256) {
        unchecked {
            uint256 rest = length - from;
            if (block_ == 0) return length;
            if (block_ == LANES && rest == LANES - 1) return from + 2;
            return rest < block_ ? length : from + block_;
        }
    }

    /// @dev Four sums of `count` terms each, of which every second four are left out.
    function _lanes(uint256[] memory terms, uint256 from, uint256 count) private pure returns (F32[LANES] memory sums) {
        unchecked {
            for (uint256 lane; lane < LANES; ++lane) {
                F32 sum = MINUS_ZERO;
                for (uint256 i; i < count; ++i) sum = sum.add(_number(terms[from + lane + 2 * LANES * i]));
                sums[lane] = sum;
            }
        }
    }

    function _folded(F32[LANES] memory lanes) private pure returns (F32) {
        return lanes[0].add(lanes[2]).add(lanes[1].add(lanes[3]));
    }

    function _following(F32 sum, uint256[] memory terms, uint256 from, uint256 end) private pure returns (F32) {
        unchecked {
            for (uint256 i = from; i < end; ++i) sum = sum.add(_number(terms[i]));
        }
        return sum;
    }

    function _number(uint256 both) private pure returns (F32) {
        return F32.wrap(uint32(both >> 128));
    }
}
