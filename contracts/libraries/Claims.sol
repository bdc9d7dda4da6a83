// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DataTypes} from "./DataTypes.sol";
import {TensorCommitment} from "./TensorCommitment.sol";
import {TensorLayout} from "./TensorLayout.sol";
import {Claim, Opening} from "../types/CourtTypes.sol";
import {Source} from "../types/GraphTypes.sol";
import {TensorHeader} from "../types/TensorTypes.sol";

/// @title What verifiers read from a claim
/// @notice Headers and openings are proven; that they are the ones this node and element need is checked here. Reads
/// that follow one another in the same leaf share its opening.
library Claims {
    /// @notice A tensor of a claim.
    struct Tensor {
        TensorHeader header;
        /// Place among the operands; their number means the output.
        uint256 operand;
        /// Bytes of an element.
        uint256 size;
        /// Elements.
        uint256 count;
        TensorLayout.View along;
    }

    /// @notice A claim that is being read.
    struct Reading {
        Tensor output;
        /// The bits of the element that the claim is about.
        uint256 actual;
        /// Where the claim's openings lie in the calldata, and how many they are.
        uint256 openings;
        uint256 count;
        /// How many were read.
        uint256 used;
        /// The one that was read last: its operand, its leaf and where the bytes lie in the calldata.
        uint256 operand;
        uint256 leaf;
        uint256 data;
        uint256 length;
    }

    error Claims_WrongOperator(uint16 operator);
    error Claims_WrongOperands(uint256 operands, uint256 headers);
    error Claims_AbsentOperand(uint256 operand);
    error Claims_WrongAttributes();
    error Claims_WrongDtype(uint8 dtype);
    error Claims_WrongShape();
    error Claims_WrongLayout(uint256 operand, uint8 layout);
    error Claims_OutOfRange(uint256 operand, int256 element);
    error Claims_MissingOpening(uint256 operand, uint256 leaf);
    error Claims_WrongOpening(uint256 opening, uint256 operand, uint256 leaf);
    error Claims_ShortLeaf(uint256 operand, uint256 length);
    error Claims_SurplusOpenings(uint256 used, uint256 given);

    /// @notice Begins to read a claim: the output's element.
    function open(Claim calldata claim) internal pure returns (Reading memory reading) {
        uint256 operands = claim.node.operands.length;
        if (claim.headers.length != operands + 1) revert Claims_WrongOperands(operands, claim.headers.length);
        Opening[] calldata openings = claim.openings;
        uint256 position;
        assembly ("memory-safe") {
            position := openings.offset
        }
        (reading.openings, reading.count) = (position, openings.length);
        // No operand yet.
        reading.operand = type(uint256).max;
        _load(claim, operands, reading.output);
        reading.actual = read(reading, reading.output, claim.element);
    }

    /// @notice Reverts unless every opening was read.
    function close(Reading memory reading) internal pure {
        if (reading.used != reading.count) revert Claims_SurplusOpenings(reading.used, reading.count);
    }

    /// @notice Whether the element is another than `expected`; every NaN counts as the canonical one.
    function differs(Reading memory reading, uint256 expected) internal pure returns (bool) {
        close(reading);
        return reading.actual != canonical(reading.output.header.dtype, expected);
    }

    function requireOperands(Claim calldata claim, uint256 count) internal pure {
        if (claim.node.operands.length != count) revert Claims_WrongOperands(claim.node.operands.length, count);
    }

    /// @notice Attributes have one encoding only: `words` words.
    function requireAttributes(Claim calldata claim, uint256 words) internal pure {
        if (claim.node.attributes.length != 32 * words) revert Claims_WrongAttributes();
    }

    /// @notice An operand that is there.
    function tensor(Claim calldata claim, uint256 operand) internal pure returns (Tensor memory loaded) {
        if (isAbsent(claim, operand)) revert Claims_AbsentOperand(operand);
        _load(claim, operand, loaded);
    }

    function isAbsent(Claim calldata claim, uint256 operand) internal pure returns (bool) {
        return claim.node.operands[operand].source == Source.Absent;
    }

    /// @notice The bits of a row-major element.
    function read(Reading memory reading, Tensor memory from, uint256 element) internal pure returns (uint256 bits) {
        if (element >= from.count) revert Claims_OutOfRange(from.operand, int256(element));
        (uint256 index, uint256 place) = TensorLayout.locate(from.header, from.along, element);
        uint256 size = from.size;
        uint256 data;
        unchecked {
            // `leaf` makes sure that this is within the leaf; a product that overflowed would end before it begins.
            uint256 start = place * size;
            if (start + size < size) revert Claims_OutOfRange(from.operand, int256(element));
            data = leaf(reading, from.operand, index, start + size) + start;
        }
        assembly ("memory-safe") {
            // Eight bytes, of which the first becomes the lowest.
            bits := shr(192, calldataload(data))
            bits := or(and(shr(8, bits), 0x00ff00ff00ff00ff), shl(8, and(bits, 0x00ff00ff00ff00ff)))
            bits := or(and(shr(16, bits), 0x0000ffff0000ffff), shl(16, and(bits, 0x0000ffff0000ffff)))
            bits := or(shr(32, bits), shl(32, bits))
            bits := and(bits, sub(shl(shl(3, size), 1), 1))
        }
    }

    /// @notice As `read`, an index that may be negative or too large: no element is there.
    function readSigned(Reading memory reading, Tensor memory from, int256 element) internal pure returns (uint256) {
        if (element < 0) revert Claims_OutOfRange(from.operand, element);
        return read(reading, from, uint256(element));
    }

    /// @notice Opens a leaf of an operand: that which was read last, or the next one.
    /// @param needed how many of its bytes will be read
    /// @return data where its bytes begin in the calldata
    function leaf(
        Reading memory reading,
        uint256 operand,
        uint256 index,
        uint256 needed
    ) internal pure returns (uint256 data) {
        if (reading.operand != operand || reading.leaf != index) _next(reading, operand, index);
        if (needed > reading.length) revert Claims_ShortLeaf(operand, reading.length);
        return reading.data;
    }

    function sameShape(TensorHeader memory a, TensorHeader memory b) internal pure {
        uint32[8] memory dimsA = a.dims;
        uint32[8] memory dimsB = b.dims;
        bool same = a.rank == b.rank;
        // Dims are zero beyond the rank.
        assembly ("memory-safe") {
            same := and(same, eq(keccak256(dimsA, 256), keccak256(dimsB, 256)))
        }
        if (!same) revert Claims_WrongShape();
    }

    function requireDtype(Tensor memory of_, uint8 dtype) internal pure {
        if (of_.header.dtype != dtype) revert Claims_WrongDtype(of_.header.dtype);
    }

    /// @notice The canonical NaN for a NaN, else the bits themselves.
    function canonical(uint8 dtype, uint256 bits) internal pure returns (uint256) {
        if (dtype == DataTypes.FLOAT) return _canonical(bits, 0x7fffffff, 0x7f800000, 0x7fc00000);
        if (dtype == TensorCommitment.FLOAT16) return _canonical(bits, 0x7fff, 0x7c00, 0x7e00);
        if (dtype == TensorCommitment.DOUBLE) {
            return _canonical(bits, 0x7fffffffffffffff, 0x7ff0000000000000, 0x7ff8000000000000);
        }
        return bits;
    }

    /// @notice The bits of one element in an attribute.
    function fromLittleEndian(bytes memory element) internal pure returns (uint256 bits) {
        for (uint256 i; i < element.length; ++i) bits |= uint256(uint8(element[i])) << (8 * i);
    }

    function _canonical(uint256 bits, uint256 mask, uint256 infinity, uint256 nan) private pure returns (uint256) {
        return bits & mask > infinity ? nan : bits;
    }

    /// @dev As the compiler reads `openings[next]`, at a fifth of the gas.
    function _next(Reading memory reading, uint256 operand, uint256 index) private pure {
        uint256 next = reading.used;
        if (next == reading.count) revert Claims_MissingOpening(operand, index);
        uint256 openings = reading.openings;
        bool isThis;
        bool isWithin;
        uint256 data;
        uint256 length;
        assembly ("memory-safe") {
            let offset := calldataload(add(openings, shl(5, next)))
            let opening := add(openings, offset)
            let offsetOfData := calldataload(add(opening, 64))
            data := add(opening, offsetOfData)
            length := calldataload(data)
            data := add(data, 32)
            isThis := and(eq(calldataload(opening), operand), eq(calldataload(add(opening, 32)), index))
            // No sum of these can overflow.
            isWithin := lt(or(or(offset, offsetOfData), length), shl(64, 1))
            isWithin := and(isWithin, iszero(gt(add(data, length), calldatasize())))
        }
        if (!isThis || !isWithin) revert Claims_WrongOpening(next, operand, index);
        unchecked {
            reading.used = next + 1;
        }
        (reading.operand, reading.leaf) = (operand, index);
        (reading.data, reading.length) = (data, length);
    }

    function _load(Claim calldata claim, uint256 operand, Tensor memory into) private pure {
        TensorHeader memory header = into.header;
        _loadHeader(claim.headers[operand], header);
        uint256 size = TensorCommitment.elementBytes(header.dtype);
        if (size == 0) revert Claims_WrongDtype(header.dtype);
        if (header.rank > TensorCommitment.MAX_RANK) revert Claims_WrongShape();
        (into.operand, into.size, into.count) = (operand, size, TensorCommitment.elementCount(header));
        if (header.layout != TensorLayout.ROW_MAJOR) into.along = TensorLayout.viewOf(header);
    }

    /// @dev What the compiler would copy field by field, at a fifth of the gas.
    function _loadHeader(TensorHeader calldata given, TensorHeader memory into) private pure {
        uint32[8] memory dims = into.dims;
        uint256 bytes_;
        uint256 words;
        assembly ("memory-safe") {
            let dtype := calldataload(given)
            let rank := calldataload(add(given, 32))
            let layout := calldataload(add(given, 320))
            let chunkElems := calldataload(add(given, 352))
            let nLeaves := calldataload(add(given, 384))
            mstore(into, dtype)
            mstore(add(into, 32), rank)
            mstore(add(into, 96), layout)
            mstore(add(into, 128), chunkElems)
            mstore(add(into, 160), nLeaves)
            mstore(add(into, 192), calldataload(add(given, 416)))
            bytes_ := or(or(dtype, rank), layout)
            calldatacopy(dims, add(given, 64), 256)
            words := or(or(mload(dims), mload(add(dims, 32))), or(mload(add(dims, 64)), mload(add(dims, 96))))
            words := or(words, or(mload(add(dims, 128)), mload(add(dims, 160))))
            words := or(words, or(mload(add(dims, 192)), mload(add(dims, 224))))
            words := or(words, or(chunkElems, nLeaves))
        }
        if (bytes_ > type(uint8).max || words > type(uint32).max) revert Claims_WrongShape();
    }
}
