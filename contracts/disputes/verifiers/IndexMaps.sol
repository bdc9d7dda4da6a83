// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {F32, SoftFloat32} from "./SoftFloat32.sol";
import {IOperatorVerifier} from "../../interfaces/IOperatorVerifier.sol";
import {Claims} from "../../libraries/Claims.sol";
import {DataTypes} from "../../libraries/DataTypes.sol";
import {MultiIndex} from "../../libraries/MultiIndex.sol";
import {Operators} from "../../libraries/Operators.sol";
import {Claim} from "../../types/CourtTypes.sol";
import {TensorHeader} from "../../types/TensorTypes.sol";

/// @title Operators that move elements, and conversions of one element
/// @notice `VIEW`, `CONCAT`, `PAD`, `GATHER` and `CAST` as in `docs/verifiers/EXACT.md`. `GATHER` reads its index
/// before it reads x.
contract IndexMaps is IOperatorVerifier {
    /// @inheritdoc IOperatorVerifier
    function contradicts(Claim calldata claim) external pure returns (bool) {
        Claims.Reading memory reading = Claims.open(claim);
        uint16 operator = claim.node.operator;
        uint256 expected;
        if (operator == Operators.VIEW) expected = _view(claim, reading);
        else if (operator == Operators.CONCAT) expected = _concat(claim, reading);
        else if (operator == Operators.PAD) expected = _pad(claim, reading);
        else if (operator == Operators.GATHER) expected = _gather(claim, reading);
        else if (operator == Operators.CAST) expected = _cast(claim, reading);
        else revert Claims.Claims_WrongOperator(operator);
        return Claims.differs(reading, expected);
    }

    function _view(Claim calldata claim, Claims.Reading memory reading) private pure returns (uint256) {
        Claims.requireOperands(claim, 1);
        Claims.Tensor memory x = Claims.tensor(claim, 0);
        TensorHeader memory output = reading.output.header;
        Claims.requireDtype(x, output.dtype);
        Claims.requireAttributes(claim, 3 + uint256(output.rank));
        (int64 base, int64[] memory strides) = abi.decode(claim.node.attributes, (int64, int64[]));
        if (strides.length != output.rank) revert Claims.Claims_WrongAttributes();
        return Claims.readSigned(reading, x, MultiIndex.strided(output, claim.element, base, strides));
    }

    function _concat(Claim calldata claim, Claims.Reading memory reading) private pure returns (uint256) {
        Claims.requireAttributes(claim, 1);
        uint256 axis = abi.decode(claim.node.attributes, (uint8));
        TensorHeader memory output = reading.output.header;
        if (axis >= output.rank) revert Claims.Claims_WrongAttributes();
        uint256[8] memory index = MultiIndex.unravel(output, claim.element);

        uint256 operands = claim.node.operands.length;
        uint256 holder = operands;
        uint256 start;
        uint256 along;
        for (uint256 i; i < operands; ++i) {
            uint256 length = _lengthOfPart(output, claim.headers[i], axis);
            if (holder == operands && index[axis] < along + length) (holder, start) = (i, along);
            along += length;
        }
        // Then one of the operands holds the element.
        if (along != output.dims[axis]) revert Claims.Claims_WrongShape();
        index[axis] -= start;
        Claims.Tensor memory x = Claims.tensor(claim, holder);
        return Claims.read(reading, x, MultiIndex.ravel(x.header, index));
    }

    function _pad(Claim calldata claim, Claims.Reading memory reading) private pure returns (uint256) {
        Claims.requireOperands(claim, 1);
        Claims.Tensor memory x = Claims.tensor(claim, 0);
        uint256 rank = reading.output.header.rank;
        Claims.requireDtype(x, reading.output.header.dtype);
        if (x.header.rank != rank) revert Claims.Claims_WrongShape();
        Claims.requireAttributes(claim, 5 + rank);
        (int64[] memory low, bytes memory value) = abi.decode(claim.node.attributes, (int64[], bytes));
        if (low.length != rank || value.length != x.size) revert Claims.Claims_WrongAttributes();

        uint256[8] memory index = MultiIndex.unravel(reading.output.header, claim.element);
        for (uint256 axis; axis < rank; ++axis) {
            int256 at = int256(index[axis]) - low[axis];
            if (at < 0 || at >= int256(uint256(x.header.dims[axis]))) return Claims.fromLittleEndian(value);
            index[axis] = uint256(at);
        }
        return Claims.read(reading, x, MultiIndex.ravel(x.header, index));
    }

    function _gather(Claim calldata claim, Claims.Reading memory reading) private pure returns (uint256) {
        Claims.requireOperands(claim, 2);
        Claims.Tensor memory x = Claims.tensor(claim, 0);
        Claims.Tensor memory indices = Claims.tensor(claim, 1);
        Claims.requireDtype(x, reading.output.header.dtype);
        uint8 dtype = indices.header.dtype;
        if (dtype != DataTypes.INT32 && dtype != DataTypes.INT64) revert Claims.Claims_WrongDtype(dtype);
        Claims.requireAttributes(claim, 1);
        uint256 axis = abi.decode(claim.node.attributes, (uint8));
        uint256 inner = _requireGatherShape(x.header, indices.header, reading.output.header, axis);

        uint256 outer = claim.element / inner / indices.count;
        uint256 bits = Claims.read(reading, indices, (claim.element / inner) % indices.count);
        int256 at = DataTypes.toInt(dtype, indices.size, bits);
        int256 length = int256(uint256(x.header.dims[axis]));
        if (at < 0) at += length;
        // Nobody has a result for an index that is out of range.
        if (at < 0 || at >= length) revert Claims.Claims_OutOfRange(0, at);
        return Claims.read(reading, x, (outer * uint256(length) + uint256(at)) * inner + (claim.element % inner));
    }

    /// @dev From integers and bool to integers, bool and float32.
    function _cast(Claim calldata claim, Claims.Reading memory reading) private pure returns (uint256) {
        Claims.requireOperands(claim, 1);
        Claims.requireAttributes(claim, 0);
        Claims.Tensor memory x = Claims.tensor(claim, 0);
        uint8 from = x.header.dtype;
        uint8 to = reading.output.header.dtype;
        Claims.sameShape(x.header, reading.output.header);
        if (!DataTypes.isInteger(from) && from != DataTypes.BOOL) revert Claims.Claims_WrongDtype(from);
        if (!DataTypes.isInteger(to) && to != DataTypes.BOOL && to != DataTypes.FLOAT) {
            revert Claims.Claims_WrongDtype(to);
        }

        int256 value = DataTypes.toInt(from, x.size, Claims.read(reading, x, claim.element));
        if (to == DataTypes.BOOL) return value == 0 ? 0 : 1;
        if (to == DataTypes.FLOAT) return F32.unwrap(SoftFloat32.fromInt(value));
        return DataTypes.toBits(value, reading.output.size);
    }

    /// @dev Length of an operand of `CONCAT` along the axis.
    function _lengthOfPart(
        TensorHeader memory output,
        TensorHeader calldata part,
        uint256 axis
    ) private pure returns (uint256) {
        if (part.dtype != output.dtype) revert Claims.Claims_WrongDtype(part.dtype);
        if (part.rank != output.rank) revert Claims.Claims_WrongShape();
        for (uint256 i; i < output.rank; ++i) {
            if (i != axis && part.dims[i] != output.dims[i]) revert Claims.Claims_WrongShape();
        }
        return part.dims[axis];
    }

    /// @dev The output has the dims of x with those of the indices in place of the axis.
    /// @return inner elements behind the axis
    function _requireGatherShape(
        TensorHeader memory x,
        TensorHeader memory indices,
        TensorHeader memory output,
        uint256 axis
    ) private pure returns (uint256 inner) {
        if (axis >= x.rank) revert Claims.Claims_WrongAttributes();
        uint256 places = indices.rank;
        if (uint256(output.rank) + 1 != places + x.rank) revert Claims.Claims_WrongShape();
        inner = 1;
        for (uint256 i; i < output.rank; ++i) {
            uint256 dim;
            if (i < axis) dim = x.dims[i];
            else if (i < axis + places) dim = indices.dims[i - axis];
            else inner *= dim = x.dims[i + 1 - places];
            if (output.dims[i] != dim) revert Claims.Claims_WrongShape();
        }
    }
}
