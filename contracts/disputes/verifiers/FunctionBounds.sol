// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedFunctions} from "./FixedFunctions.sol";
import {F32} from "./SoftFloat32.sol";
import {IOperatorVerifier} from "../../interfaces/IOperatorVerifier.sol";
import {Bound, Bounds} from "../../libraries/Bounds.sol";
import {Claims} from "../../libraries/Claims.sol";
import {DataTypes} from "../../libraries/DataTypes.sol";
import {FloatOperands} from "../../libraries/FloatOperands.sol";
import {FloatRuns} from "../../libraries/FloatRuns.sol";
import {LongRows} from "../../libraries/LongRows.sol";
import {Operators} from "../../libraries/Operators.sol";
import {RowBounds} from "../../libraries/RowBounds.sol";
import {TensorLayout} from "../../libraries/TensorLayout.sol";
import {Claim} from "../../types/CourtTypes.sol";

/// @title Functions of float32, within what their implementations differ by
/// @notice `EXP`, `SIGMOID`, `TANH`, `ERF`, `GELU`, `LOG`, `SOFTMAX` and `LAYER_NORMALIZATION` as in
/// `docs/verifiers/FUNCTIONS.md`, and what takes the place of the last two where rows are long: an element contradicts
/// its operands if it is further from the exact value than functions of the accuracy stated there, and rounding, can
/// have brought it.
contract FunctionBounds is IOperatorVerifier {
    uint8 private constant WITHIN_BOUND = 1;

    /// @dev Units in the last place.
    uint256 private constant EXP_ULPS = 4;
    uint256 private constant LOG_ULPS = 4;
    uint256 private constant SIGMOID_ULPS = 8;
    uint256 private constant TANH_ULPS = 8;
    uint256 private constant ERF_ULPS = 17;
    /// @dev The distance that is granted besides, or of GELU for each unit of x: a power of two.
    int256 private constant EXP_DISTANCE = -126;
    int256 private constant DISTANCE = -20;
    uint256 private constant GELU_BITS = 19;

    int256 private constant BITS = 96;
    /// @dev Beyond these e^x is infinite, or so small that the distance alone decides.
    int256 private constant LARGEST_EXP = 128 << 96;
    int256 private constant LEAST_EXP = -150 << 96;
    /// @dev From here on GELU is x, or zero.
    int256 private constant LARGEST_GELU = 16 << 96;
    /// @dev 2^127: twice it overflows.
    int256 private constant OVERFLOW = 1 << 223;
    int256 private constant ROOT_HALF = 0xb504f333f9de6484597d89b3;
    int256 private constant ROOT_TWO_BY_PI = 0xcc42299ea1b284687e59e280;
    /// @dev 0.044715.
    int256 private constant CUBIC = 0xb727136a400fba8826aa8eb;

    error FunctionBounds_WrongMode(uint8 mode);

    /// @inheritdoc IOperatorVerifier
    function contradicts(Claim calldata claim) external pure returns (bool) {
        Claims.Reading memory reading = Claims.open(claim);
        Claims.requireDtype(reading.output, DataTypes.FLOAT);
        uint8 mode = claim.node.numeric.mode;
        if (mode != WITHIN_BOUND) revert FunctionBounds_WrongMode(mode);
        uint16 operator = claim.node.operator;
        if (operator == Operators.BLOCK_MAX) return Claims.differs(reading, LongRows.largest(claim, reading));
        Bound memory bound;
        if (operator == Operators.SOFTMAX) bound = _softmax(claim, reading);
        else if (operator == Operators.LAYER_NORMALIZATION) bound = _layerNormalization(claim, reading);
        else if (operator > Operators.LOG) bound = LongRows.boundOf(claim, reading, operator);
        else bound = _elementwise(claim, reading, operator);
        Claims.close(reading);
        return !bound.holds(F32.wrap(uint32(reading.actual)));
    }

    function _elementwise(
        Claim calldata claim,
        Claims.Reading memory reading,
        uint16 operator
    ) private pure returns (Bound memory) {
        Claims.requireOperands(claim, 1);
        Claims.requireAttributes(claim, operator == Operators.GELU ? 1 : 0);
        Claims.Tensor memory operand = FloatOperands.tensor(claim, 0);
        Claims.sameShape(operand.header, reading.output.header);
        F32 x = F32.wrap(uint32(Claims.read(reading, operand, claim.element)));
        if (x.isNaN()) return Bounds.anything();
        int256 value = FixedFunctions.fromFloat(x);
        if (operator == Operators.EXP) return _exp(value);
        if (operator == Operators.LOG) return _log(x);
        if (operator == Operators.SIGMOID) {
            return Bounds.around(FixedFunctions.sigmoid(value), -BITS, SIGMOID_ULPS, DISTANCE);
        }
        if (operator == Operators.TANH) return Bounds.around(FixedFunctions.tanh(value), -BITS, TANH_ULPS, DISTANCE);
        if (operator == Operators.ERF) return Bounds.around(FixedFunctions.erf(value), -BITS, ERF_ULPS, DISTANCE);
        if (operator == Operators.GELU) return _gelu(value, abi.decode(claim.node.attributes, (bool)));
        revert Claims.Claims_WrongOperator(operator);
    }

    function _exp(int256 x) private pure returns (Bound memory) {
        if (x > LARGEST_EXP) return Bounds.infinity();
        if (x < LEAST_EXP) return Bounds.around(0, EXP_DISTANCE - BITS, 0, EXP_DISTANCE);
        (int256 mantissa, int256 exponent) = FixedFunctions.exp(x);
        return Bounds.around(mantissa, exponent - BITS, EXP_ULPS, EXP_DISTANCE);
    }

    /// @dev That of zero is infinite, of negative numbers none.
    function _log(F32 x) private pure returns (Bound memory) {
        if (F32.unwrap(x) << 1 == 0 || F32.unwrap(x) >> 31 == 1 || x.isInf()) return Bounds.anything();
        return Bounds.around(FixedFunctions.log(x), -BITS, LOG_ULPS, DISTANCE);
    }

    /// @dev x / 2 (1 + erf(x / sqrt 2)), or x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
    function _gelu(int256 x, bool byTanh) private pure returns (Bound memory bound) {
        // x (1 + 1) may overflow, and minus infinity times zero is no number.
        if (Bounds.magnitude(x) >= uint256(OVERFLOW)) return Bounds.anything();
        bound.exponent = -BITS;
        // And what is cut of x and of the product.
        bound.radius = (Bounds.magnitude(x) >> GELU_BITS) + 4;
        if (Bounds.magnitude(x) >= uint256(LARGEST_GELU)) {
            bound.center = x > 0 ? x : int256(0);
            return bound;
        }
        unchecked {
            int256 part =
                byTanh
                    ? FixedFunctions.tanh(
                        (ROOT_TWO_BY_PI * (x + ((((x * x) >> 96) * ((x * CUBIC) >> 96)) >> 96))) >> 96
                    )
                    : FixedFunctions.erf((x * ROOT_HALF) >> 96);
            bound.center = (x * (FixedFunctions.ONE + part)) >> 97;
        }
    }

    function _softmax(Claim calldata claim, Claims.Reading memory reading) private pure returns (Bound memory) {
        Claims.requireOperands(claim, 1);
        Claims.requireAttributes(claim, 1);
        uint256 inner = abi.decode(claim.node.attributes, (uint32));
        (uint256[] memory row, uint256 place) = _rowOf(claim, reading, inner);
        return RowBounds.softmax(row, place);
    }

    function _layerNormalization(
        Claim calldata claim,
        Claims.Reading memory reading
    ) private pure returns (Bound memory) {
        Claims.requireOperands(claim, 3);
        Claims.requireAttributes(claim, 1);
        F32 epsilon = F32.wrap(abi.decode(claim.node.attributes, (uint32)));
        if (!epsilon.isFinite() || F32.unwrap(epsilon) >> 31 == 1) revert Claims.Claims_WrongAttributes();
        (uint256[] memory row, uint256 place) = _rowOf(claim, reading, 1);
        F32 scale = FloatOperands.ofPlace(claim, reading, 1, row.length, place);
        F32 bias;
        if (!Claims.isAbsent(claim, 2)) bias = FloatOperands.ofPlace(claim, reading, 2, row.length, place);
        return RowBounds.normalized(row, place, epsilon, scale, bias);
    }

    /// @dev Opens the row of operand 0 that the element comes from. Places of a row are `inner` elements apart in the
    /// output.
    function _rowOf(
        Claim calldata claim,
        Claims.Reading memory reading,
        uint256 inner
    ) private pure returns (uint256[] memory row, uint256 place) {
        Claims.Tensor memory x = FloatOperands.tensorIn(claim, 0, TensorLayout.ROWS);
        uint256 length = x.along.length;
        if (inner == 0 || x.count != reading.output.count || x.along.outer % inner != 0) {
            revert Claims.Claims_WrongShape();
        }
        place = (claim.element / inner) % length;
        uint256 index = (claim.element / inner / length) * inner + (claim.element % inner);
        row = FloatRuns.load(Claims.leaf(reading, 0, index, FloatOperands.ELEMENT_BYTES * length), length);
    }
}
