// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {F32, SoftFloat32} from "./SoftFloat32.sol";
import {IOperatorVerifier} from "../../interfaces/IOperatorVerifier.sol";
import {Claims} from "../../libraries/Claims.sol";
import {DataTypes} from "../../libraries/DataTypes.sol";
import {MultiIndex} from "../../libraries/MultiIndex.sol";
import {Operators} from "../../libraries/Operators.sol";
import {Windows} from "../../libraries/Windows.sol";
import {Claim} from "../../types/CourtTypes.sol";
import {TensorHeader} from "../../types/TensorTypes.sol";

/// @title Operators that select one of several elements
/// @notice `RELU`, `CLIP`, `LEAKY_RELU`, `MAX_POOL` and `ARG_MAX` as in `docs/verifiers/EXACT.md`, which says where
/// more than one result is right because processors differ: with NaNs, and with zeros of both signs.
contract Selection is IOperatorVerifier {
    F32 private constant MINUS_ZERO = F32.wrap(0x80000000);
    F32 private constant MINUS_INFINITY = F32.wrap(0xff800000);
    /// @dev The finite number with which onnxruntime begins to look for a maximum.
    F32 private constant LOWEST = F32.wrap(0xff7fffff);
    F32 private constant HIGHEST = F32.wrap(0x7f7fffff);

    /// @inheritdoc IOperatorVerifier
    function contradicts(Claim calldata claim) external pure returns (bool wrong) {
        Claims.Reading memory reading = Claims.open(claim);
        uint16 operator = claim.node.operator;
        Claims.requireOperands(claim, 1);
        Claims.Tensor memory x = Claims.tensor(claim, 0);
        if (operator == Operators.RELU) wrong = _relu(claim, reading, x);
        else if (operator == Operators.CLIP) wrong = _clip(claim, reading, x);
        else if (operator == Operators.LEAKY_RELU) wrong = _leakyRelu(claim, reading, x);
        else if (operator == Operators.MAX_POOL) wrong = _maxPool(claim, reading, x);
        else if (operator == Operators.ARG_MAX) wrong = _argMax(claim, reading, x);
        else revert Claims.Claims_WrongOperator(operator);
        Claims.close(reading);
    }

    function _relu(
        Claim calldata claim,
        Claims.Reading memory reading,
        Claims.Tensor memory x
    ) private pure returns (bool) {
        Claims.requireAttributes(claim, 0);
        uint256 bits = _sameElement(claim, reading, x);
        if (x.header.dtype == DataTypes.FLOAT) {
            return _isNeither(reading.actual, _atLeast(_f32(bits), SoftFloat32.ZERO), _f32(bits).max(SoftFloat32.ZERO));
        }
        return reading.actual != (_toInt(x, bits) < 0 ? 0 : bits);
    }

    function _clip(
        Claim calldata claim,
        Claims.Reading memory reading,
        Claims.Tensor memory x
    ) private pure returns (bool) {
        (bytes memory min, bytes memory max) = _bounds(claim, x.size);
        uint256 bits = _sameElement(claim, reading, x);
        if (x.header.dtype == DataTypes.FLOAT) return _clipFloat(reading.actual, _f32(bits), min, max);
        int256 value = _toInt(x, bits);
        if (min.length > 0) {
            int256 low = _toInt(x, Claims.fromLittleEndian(min));
            if (value < low) value = low;
        }
        if (max.length > 0) {
            int256 high = _toInt(x, Claims.fromLittleEndian(max));
            if (value > high) value = high;
        }
        return reading.actual != DataTypes.toBits(value, x.size);
    }

    /// @dev Without a bound, onnxruntime takes the last finite number. Processors differ in which of two zeros they take.
    function _clipFloat(uint256 actual, F32 x, bytes memory min, bytes memory max) private pure returns (bool) {
        F32 low = min.length > 0 ? _bound(min) : LOWEST;
        F32 high = max.length > 0 ? _bound(max) : HIGHEST;
        F32 first = _atLeast(x, low);
        if (high.lt(first)) first = high;
        return _isNeither(actual, first, x.max(low).min(high));
    }

    function _leakyRelu(
        Claim calldata claim,
        Claims.Reading memory reading,
        Claims.Tensor memory x
    ) private pure returns (bool) {
        Claims.requireDtype(x, DataTypes.FLOAT);
        Claims.requireAttributes(claim, 1);
        F32 alpha = F32.wrap(abi.decode(claim.node.attributes, (uint32)));
        F32 value = _f32(_sameElement(claim, reading, x));
        F32 expected = SoftFloat32.ZERO.le(value) ? value : alpha.mul(value);
        return reading.actual != F32.unwrap(expected);
    }

    function _maxPool(
        Claim calldata claim,
        Claims.Reading memory reading,
        Claims.Tensor memory x
    ) private pure returns (bool) {
        TensorHeader memory output = reading.output.header;
        Claims.requireDtype(x, output.dtype);
        uint256[8] memory index = MultiIndex.unravel(output, claim.element);
        (uint256[] memory places, ) = Windows.places(_window(claim, x.header.rank), x.header, output, index);
        if (x.header.dims[1] != output.dims[1] || places.length == 0) revert Claims.Claims_WrongShape();

        // Row-major elements of the image and channel that come before its places.
        uint256 first = (index[0] * x.header.dims[1] + index[1]) * Windows.placesOf(x.header);
        // Within x, or refused when it is read.
        unchecked {
            for (uint256 i; i < places.length; ++i) places[i] += first;
        }
        return
            x.header.dtype == DataTypes.FLOAT
                ? _isNotMaximumFloat(reading, x, places)
                : _isNotMaximum(reading, x, places);
    }

    function _isNotMaximum(
        Claims.Reading memory reading,
        Claims.Tensor memory x,
        uint256[] memory elements
    ) private pure returns (bool) {
        _requireInteger(x);
        (uint8 dtype, uint256 size) = (x.header.dtype, x.size);
        int256 best = type(int256).min;
        unchecked {
            for (uint256 i; i < elements.length; ++i) {
                int256 value = DataTypes.toInt(dtype, size, Claims.read(reading, x, elements[i]));
                if (value > best) best = value;
            }
        }
        return reading.actual != DataTypes.toBits(best, x.size);
    }

    /// @dev Zeros of both signs: either is largest. With a NaN: NaN, any element, and `LOWEST`, which stands for places
    /// outside of x; some processors drop NaNs, some what came before them. `LOWEST` too where no number is larger.
    function _isNotMaximumFloat(
        Claims.Reading memory reading,
        Claims.Tensor memory x,
        uint256[] memory elements
    ) private pure returns (bool) {
        F32 actual = _f32(reading.actual);
        F32 best = MINUS_INFINITY;
        bool hasNaN;
        bool isThere;
        for (uint256 i; i < elements.length; ++i) {
            F32 value = _f32(Claims.read(reading, x, elements[i]));
            if (value.isNaN()) hasNaN = true;
            else if (best.lt(value)) best = value;
            if (F32.unwrap(value) == reading.actual) isThere = true;
        }
        if (hasNaN && reading.actual == F32.unwrap(SoftFloat32.NAN)) return false;
        if (F32.unwrap(actual) == F32.unwrap(LOWEST) && (hasNaN || best.le(LOWEST))) return false;
        if (!isThere) return true;
        return !hasNaN && actual.lt(best);
    }

    function _argMax(
        Claim calldata claim,
        Claims.Reading memory reading,
        Claims.Tensor memory x
    ) private pure returns (bool) {
        Claims.requireDtype(reading.output, DataTypes.INT64);
        Claims.requireAttributes(claim, 2);
        (uint8 axis, bool last) = abi.decode(claim.node.attributes, (uint8, bool));
        uint256 inner = _requireReducedShape(x.header, reading.output.header, axis);
        uint256 length = x.header.dims[axis];
        uint256 first = (claim.element / inner) * length * inner + (claim.element % inner);
        return
            x.header.dtype == DataTypes.FLOAT
                ? _isNotArgMaxFloat(reading, x, first, inner, length, last)
                : _isNotArgMax(reading, x, first, inner, length, last);
    }

    function _isNotArgMax(
        Claims.Reading memory reading,
        Claims.Tensor memory x,
        uint256 first,
        uint256 step,
        uint256 length,
        bool last
    ) private pure returns (bool) {
        int256 best = type(int256).min;
        uint256 at;
        _requireInteger(x);
        (uint8 dtype, uint256 size) = (x.header.dtype, x.size);
        unchecked {
            for (uint256 i; i < length; ++i) {
                int256 value = DataTypes.toInt(dtype, size, Claims.read(reading, x, first + i * step));
                if (value > best || (last && value == best)) (best, at) = (value, i);
            }
        }
        return reading.actual != at;
    }

    /// @dev With a NaN, any NaN's index and that of any largest number.
    function _isNotArgMaxFloat(
        Claims.Reading memory reading,
        Claims.Tensor memory x,
        uint256 first,
        uint256 step,
        uint256 length,
        bool last
    ) private pure returns (bool) {
        F32 best = SoftFloat32.NAN;
        F32 chosen = SoftFloat32.NAN;
        uint256 at;
        bool hasNaN;
        unchecked {
            for (uint256 i; i < length; ++i) {
                F32 value = _f32(Claims.read(reading, x, first + i * step));
                if (value.isNaN()) hasNaN = true;
                else if (best.isNaN() || best.lt(value) || (last && best.eq(value))) (best, at) = (value, i);
                if (i == reading.actual) chosen = value;
            }
        }
        if (!hasNaN) return reading.actual != at;
        return reading.actual >= length || chosen.lt(best);
    }

    /// @dev The element of x that has the claim's index.
    function _sameElement(
        Claim calldata claim,
        Claims.Reading memory reading,
        Claims.Tensor memory x
    ) private pure returns (uint256) {
        Claims.requireDtype(x, reading.output.header.dtype);
        Claims.sameShape(x.header, reading.output.header);
        return Claims.read(reading, x, claim.element);
    }

    function _bounds(Claim calldata claim, uint256 size) private pure returns (bytes memory min, bytes memory max) {
        (min, max) = abi.decode(claim.node.attributes, (bytes, bytes));
        if ((min.length != 0 && min.length != size) || (max.length != 0 && max.length != size)) {
            revert Claims.Claims_WrongAttributes();
        }
        Claims.requireAttributes(claim, 4 + (min.length == 0 ? 0 : 1) + (max.length == 0 ? 0 : 1));
    }

    /// @dev What processors do with a NaN for a bound differs: such a node convicts nobody.
    function _bound(bytes memory littleEndian) private pure returns (F32 bound) {
        bound = _f32(Claims.fromLittleEndian(littleEndian));
        if (bound.isNaN()) revert Claims.Claims_WrongAttributes();
    }

    function _window(Claim calldata claim, uint256 rank) private pure returns (Windows.Window memory window) {
        if (rank < 3) revert Claims.Claims_WrongShape();
        Claims.requireAttributes(claim, 8 + 4 * (rank - 2));
        (window.kernel, window.strides, window.dilations, window.padsBegin) = abi.decode(
            claim.node.attributes,
            (uint32[], uint32[], uint32[], uint32[])
        );
    }

    /// @dev The output has the dims of x without the axis, or with 1 in its place.
    /// @return inner elements behind the axis
    function _requireReducedShape(
        TensorHeader memory x,
        TensorHeader memory output,
        uint256 axis
    ) private pure returns (uint256 inner) {
        if (axis >= x.rank) revert Claims.Claims_WrongAttributes();
        bool keeps = output.rank == x.rank;
        if (!keeps && output.rank + 1 != x.rank) revert Claims.Claims_WrongShape();
        inner = 1;
        uint256 at;
        for (uint256 i; i < x.rank; ++i) {
            if (i == axis && !keeps) continue;
            if (output.dims[at++] != (i == axis ? 1 : x.dims[i])) revert Claims.Claims_WrongShape();
            if (i > axis) inner *= x.dims[i];
        }
    }

    /// @dev x, or the bound if x is below it.
    function _atLeast(F32 x, F32 bound) private pure returns (F32) {
        return x.lt(bound) ? bound : x;
    }

    function _isNeither(uint256 actual, F32 a, F32 b) private pure returns (bool) {
        uint8 dtype = DataTypes.FLOAT;
        return actual != Claims.canonical(dtype, F32.unwrap(a)) && actual != Claims.canonical(dtype, F32.unwrap(b));
    }

    function _f32(uint256 bits) private pure returns (F32) {
        return F32.wrap(uint32(bits));
    }

    function _toInt(Claims.Tensor memory x, uint256 bits) private pure returns (int256) {
        _requireInteger(x);
        return DataTypes.toInt(x.header.dtype, x.size, bits);
    }

    function _requireInteger(Claims.Tensor memory x) private pure {
        if (!DataTypes.isInteger(x.header.dtype)) revert Claims.Claims_WrongDtype(x.header.dtype);
    }
}
