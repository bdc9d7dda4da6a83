// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {F32, SoftFloat32} from "./SoftFloat32.sol";
import {IOperatorVerifier} from "../../interfaces/IOperatorVerifier.sol";
import {Claims} from "../../libraries/Claims.sol";
import {DataTypes} from "../../libraries/DataTypes.sol";
import {Operators} from "../../libraries/Operators.sol";
import {Saturation} from "../../libraries/Saturation.sol";
import {Claim} from "../../types/CourtTypes.sol";

/// @title Conversions between float32 and integers with a scale
/// @notice `QUANTIZE_LINEAR` and `DEQUANTIZE_LINEAR` as in `docs/verifiers/EXACT.md`.
contract Quantization is IOperatorVerifier {
    /// @inheritdoc IOperatorVerifier
    function contradicts(Claim calldata claim) external pure returns (bool) {
        Claims.Reading memory reading = Claims.open(claim);
        Claims.requireOperands(claim, 1);
        Claims.requireAttributes(claim, 2);
        (uint32 scale, int32 zero) = abi.decode(claim.node.attributes, (uint32, int32));
        Claims.Tensor memory x = Claims.tensor(claim, 0);
        Claims.sameShape(x.header, reading.output.header);
        uint256 bits = Claims.read(reading, x, claim.element);

        uint16 operator = claim.node.operator;
        uint256 expected;
        if (operator == Operators.QUANTIZE_LINEAR) {
            expected = _quantize(x, reading.output, F32.wrap(uint32(bits)), F32.wrap(scale), zero);
        } else if (operator == Operators.DEQUANTIZE_LINEAR) {
            expected = _dequantize(x, reading.output, bits, F32.wrap(scale), zero);
        } else revert Claims.Claims_WrongOperator(operator);
        return Claims.differs(reading, expected);
    }

    function _quantize(
        Claims.Tensor memory x,
        Claims.Tensor memory output,
        F32 value,
        F32 scale,
        int256 zero
    ) private pure returns (uint256) {
        Claims.requireDtype(x, DataTypes.FLOAT);
        _requireQuantized(output, zero);
        return Saturation.quantise(value.div(scale), zero, output.header.dtype, output.size);
    }

    function _dequantize(
        Claims.Tensor memory x,
        Claims.Tensor memory output,
        uint256 bits,
        F32 scale,
        int256 zero
    ) private pure returns (uint256) {
        Claims.requireDtype(output, DataTypes.FLOAT);
        if (x.header.dtype != DataTypes.INT32) _requireQuantized(x, zero);
        else if (zero != 0) revert Claims.Claims_WrongAttributes();
        int256 value = DataTypes.toInt(x.header.dtype, x.size, bits);
        return F32.unwrap(SoftFloat32.fromInt(value - zero).mul(scale));
    }

    /// @dev 8 or 16 bits, which hold the zero point.
    function _requireQuantized(Claims.Tensor memory of_, int256 zero) private pure {
        uint8 dtype = of_.header.dtype;
        if (!DataTypes.isInteger(dtype) || of_.size > 2) revert Claims.Claims_WrongDtype(dtype);
        if (!DataTypes.holds(dtype, of_.size, zero)) revert Claims.Claims_WrongAttributes();
    }
}
