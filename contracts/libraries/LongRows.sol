// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {Bound, Bounds} from "./Bounds.sol";
import {Claims} from "./Claims.sol";
import {FloatOperands} from "./FloatOperands.sol";
import {Operators} from "./Operators.sol";
import {RowBounds} from "./RowBounds.sol";
import {TensorLayout} from "./TensorLayout.sol";
import {FixedFunctions} from "../disputes/verifiers/FixedFunctions.sol";
import {F32, SoftFloat32} from "../disputes/verifiers/SoftFloat32.sol";
import {Claim} from "../types/CourtTypes.sol";

/// @title Rows that are too long for one transaction
/// @notice What is added up of a row stands in tensors of its own: of each block of `BLOCK` elements first. An element
/// of the row is judged by the totals, and its bound has in it what these may be off by. Proofs are in
/// `docs/verifiers/FUNCTIONS.md`.
library LongRows {
    /// @dev The row of x that the element belongs to.
    struct Row {
        uint256 length;
        /// Of x.
        uint256 count;
        uint256 index;
    }

    /// @dev Elements of a block; the last one of a row may have fewer.
    uint256 private constant BLOCK = 1024;
    /// @dev As many blocks as a block has elements. From 2^24 / 6 elements on no variance could be judged.
    uint256 private constant MAX_LENGTH = BLOCK * BLOCK;
    /// @dev A subnormal number is rounded by less.
    int256 private constant SUBNORMAL = -149;
    /// @dev A sum of exponentials counts beside one that is at least 1.
    int256 private constant EXPONENTIALS_DISTANCE = -60;
    /// @dev What a square of a deviation loses where its number is cut below the unit.
    uint256 private constant CUT_BITS = 104;
    /// @dev Roundings by which an element may differ for what a sum of so many blocks may be off by.
    uint256 private constant SOFTMAX_APART = 8;
    uint256 private constant NORMALIZATION_APART = 16;
    uint256 private constant NORMALIZATION_APART_PER_BLOCK = 5;
    int256 private constant BITS = 96;
    int256 private constant HALF = 1 << 95;

    /// @notice The largest element of a block; the last of equal ones, and NaN if there is one.
    function largest(Claim calldata claim, Claims.Reading memory reading) internal pure returns (uint256) {
        Claims.requireOperands(claim, 1);
        (uint256[] memory numbers, ) = _block(claim, reading);
        F32 most = F32.wrap(uint32(numbers[0]));
        for (uint256 i; i < numbers.length; ++i) most = SoftFloat32.max(most, F32.wrap(uint32(numbers[i])));
        return F32.unwrap(most);
    }

    /// @notice What a sum over a block, or an element of a long row, may be.
    function boundOf(
        Claim calldata claim,
        Claims.Reading memory reading,
        uint16 operator
    ) internal pure returns (Bound memory) {
        if (operator == Operators.LONG_SOFTMAX) return _softmax(claim, reading);
        if (operator == Operators.LONG_LAYER_NORMALIZATION) return _normalized(claim, reading);
        if (operator == Operators.BLOCK_SQUARES) return _squares(claim, reading);
        if (operator == Operators.BLOCK_EXPONENTIALS) return _exponentials(claim, reading);
        if (operator == Operators.BLOCK_SUM) return _sum(claim, reading, true);
        if (operator == Operators.BLOCK_MAGNITUDES) return _sum(claim, reading, false);
        revert Claims.Claims_WrongOperator(operator);
    }

    /// @dev Of the elements, or of their magnitudes.
    function _sum(
        Claim calldata claim,
        Claims.Reading memory reading,
        bool signed
    ) private pure returns (Bound memory bound) {
        Claims.requireOperands(claim, 1);
        (uint256[] memory numbers, ) = _block(claim, reading);
        (bool isFinite, uint256 shift) = RowBounds.unitOf(numbers);
        if (!isFinite) return Bounds.anything();
        (int256 values, uint256 magnitudes, ) = RowBounds.sumsOf(numbers, shift);
        bound = Bounds.around(signed ? values : int256(magnitudes), int256(shift) - 225, 0, SUBNORMAL);
        bound.radius += magnitudes >> Bounds.ULP_BITS;
    }

    /// @dev Of (x - sum / length)^2, out of the sums of squares and of elements: all integers.
    function _squares(Claim calldata claim, Claims.Reading memory reading) private pure returns (Bound memory bound) {
        Claims.requireOperands(claim, 2);
        (uint256[] memory numbers, Row memory row) = _block(claim, reading);
        F32 sum = _ofRow(claim, reading, 1, row);
        (bool isFinite, uint256 shift) = RowBounds.unitOf(numbers);
        if (!isFinite || !sum.isFinite()) return Bounds.anything();
        (, uint256 shiftOfSum) = sum.parts();
        shift = Math.max(shift, shiftOfSum);
        (int256 values, , uint256 squares) = RowBounds.sumsOf(numbers, shift);
        int256 total = RowBounds.scaled(sum, shift);
        int256 n = int256(row.length);
        int256 center = n * n * int256(squares) - 2 * n * total * values + int256(numbers.length) * total * total;
        bound = Bounds.around(center / (n * n), 2 * (int256(shift) - 225), 1, SUBNORMAL);
        bound.radius += numbers.length << CUT_BITS;
    }

    /// @dev Of e^(x - max). An element above the maximum contradicts that.
    function _exponentials(Claim calldata claim, Claims.Reading memory reading) private pure returns (Bound memory) {
        Claims.requireOperands(claim, 2);
        (uint256[] memory numbers, Row memory row) = _block(claim, reading);
        F32 max = _ofRow(claim, reading, 1, row);
        (bool areNumbers, int256[] memory values, int256 most) = RowBounds.valuesOf(numbers);
        int256 from = FixedFunctions.fromFloat(max);
        if (!areNumbers || !max.isFinite() || most > from) return Bounds.anything();
        int256 sum;
        unchecked {
            for (uint256 i; i < values.length; ++i) sum += FixedFunctions.expOfNegative(from - values[i]);
        }
        return Bounds.around(sum, -BITS, 1, EXPONENTIALS_DISTANCE);
    }

    /// @dev e^(x - max) / sum. A sum that is far below one contradicts the exponentials.
    function _softmax(Claim calldata claim, Claims.Reading memory reading) private pure returns (Bound memory) {
        Claims.requireOperands(claim, 3);
        Claims.requireAttributes(claim, 2);
        (uint32 length, uint32 inner) = abi.decode(claim.node.attributes, (uint32, uint32));
        (F32 x, Row memory row) = _element(claim, reading, length, inner);
        F32 max = _ofRow(claim, reading, 1, row);
        F32 sum = _ofRow(claim, reading, 2, row);
        int256 below = FixedFunctions.fromFloat(max) - FixedFunctions.fromFloat(x);
        int256 total = FixedFunctions.fromFloat(sum);
        if (x.isNaN() || !max.isFinite() || !sum.isFinite() || below < 0 || total < HALF) return Bounds.anything();
        return RowBounds.share(below, total, length, _blocks(length) + SOFTMAX_APART);
    }

    /// @dev (x - mean) / sqrt(variance + epsilon) * scale + bias.
    function _normalized(Claim calldata claim, Claims.Reading memory reading) private pure returns (Bound memory) {
        Claims.requireOperands(claim, 6);
        Claims.requireAttributes(claim, 2);
        (uint32 length, uint32 bits) = abi.decode(claim.node.attributes, (uint32, uint32));
        F32 epsilon = F32.wrap(bits);
        if (!epsilon.isFinite() || bits >> 31 == 1) revert Claims.Claims_WrongAttributes();
        (F32 x, Row memory row) = _element(claim, reading, length, 1);
        (bool areFinite, RowBounds.Sums memory sums) = _totals(claim, reading, row, x, epsilon);
        uint256 place = claim.element % length;
        F32 scale = FloatOperands.ofPlace(claim, reading, 4, length, place);
        F32 bias;
        if (!Claims.isAbsent(claim, 5)) bias = FloatOperands.ofPlace(claim, reading, 5, length, place);
        if (!areFinite || !x.isFinite()) return Bounds.anything();
        uint256 apart = NORMALIZATION_APART_PER_BLOCK * _blocks(length) + NORMALIZATION_APART;
        return RowBounds.normalized(sums, length, apart, x, scale, bias);
    }

    /// @dev Opens the sums of the element's row: of its elements, their magnitudes and their squared deviations. The
    /// unit is such that the largest of all, or the root of a square, is about 2^100 of them.
    function _totals(
        Claim calldata claim,
        Claims.Reading memory reading,
        Row memory row,
        F32 x,
        F32 epsilon
    ) private pure returns (bool areFinite, RowBounds.Sums memory sums) {
        uint256[] memory numbers = new uint256[](3);
        (F32 sum, F32 magnitudes) = (_ofRow(claim, reading, 1, row), _ofRow(claim, reading, 2, row));
        F32 squares = _ofRow(claim, reading, 3, row);
        (numbers[0], numbers[1], numbers[2]) = (F32.unwrap(sum), F32.unwrap(magnitudes), F32.unwrap(x));
        uint256 shift;
        (areFinite, shift) = RowBounds.unitOf(numbers);
        areFinite = areFinite && squares.isFinite();
        shift = Math.max(shift, Math.max(RowBounds.unitOfSquare(squares), RowBounds.unitOfSquare(epsilon)));
        sums.shift = shift;
        sums.values = RowBounds.scaled(sum, shift);
        sums.magnitudes = Bounds.magnitude(RowBounds.scaled(magnitudes, shift));
        uint256 total = Bounds.magnitude(sums.values);
        sums.squares = RowBounds.scaledSquare(squares, shift) + Math.ceilDiv(total * total, row.length);
        sums.epsilon = RowBounds.scaledSquare(epsilon, shift);
    }

    /// @dev Opens the block of operand 0 that the element comes from: blocks follow one another row by row.
    function _block(
        Claim calldata claim,
        Claims.Reading memory reading
    ) private pure returns (uint256[] memory numbers, Row memory row) {
        Claims.requireAttributes(claim, 1);
        uint256 length = abi.decode(claim.node.attributes, (uint32));
        Claims.Tensor memory x = FloatOperands.tensorIn(claim, 0, TensorLayout.ROW_MAJOR);
        row.count = _rows(x, length);
        uint256 blocks = _blocks(length);
        if (row.count * blocks != reading.output.count) revert Claims.Claims_WrongShape();
        (row.length, row.index) = (length, claim.element / blocks);
        uint256 from = (claim.element % blocks) * BLOCK;
        numbers = FloatOperands.run(reading, x, row.index * length + from, Math.min(BLOCK, length - from));
    }

    /// @dev Opens the element of operand 0 that the output's is computed from. Places of a row are `inner` apart.
    function _element(
        Claim calldata claim,
        Claims.Reading memory reading,
        uint256 length,
        uint256 inner
    ) private pure returns (F32 number, Row memory row) {
        Claims.Tensor memory x = FloatOperands.tensor(claim, 0);
        Claims.sameShape(x.header, reading.output.header);
        (row.length, row.count) = (length, _rows(x, length));
        if (inner == 0 || row.count % inner != 0) revert Claims.Claims_WrongShape();
        row.index = (claim.element / inner / length) * inner + (claim.element % inner);
        number = F32.wrap(uint32(Claims.read(reading, x, claim.element)));
    }

    /// @dev One number for each row.
    function _ofRow(
        Claim calldata claim,
        Claims.Reading memory reading,
        uint256 operand,
        Row memory row
    ) private pure returns (F32) {
        return FloatOperands.ofPlace(claim, reading, operand, row.count, row.index);
    }

    /// @dev How many rows of this length there are.
    function _rows(Claims.Tensor memory x, uint256 length) private pure returns (uint256) {
        if (length == 0 || length > MAX_LENGTH) revert Claims.Claims_WrongAttributes();
        if (x.count % length != 0) revert Claims.Claims_WrongShape();
        return x.count / length;
    }

    function _blocks(uint256 length) private pure returns (uint256) {
        return (length + BLOCK - 1) / BLOCK;
    }
}
