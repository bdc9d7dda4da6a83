// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {F32} from "./SoftFloat32.sol";
import {IOperatorVerifier} from "../../interfaces/IOperatorVerifier.sol";
import {Claims} from "../../libraries/Claims.sol";
import {DataTypes} from "../../libraries/DataTypes.sol";
import {MultiIndex} from "../../libraries/MultiIndex.sol";
import {Operators} from "../../libraries/Operators.sol";
import {Claim} from "../../types/CourtTypes.sol";
import {TensorHeader} from "../../types/TensorTypes.sol";

/// @title Arithmetic of single elements
/// @notice `ADD`, `SUB`, `MUL`, `DIV` and `SQRT` as in `docs/verifiers/EXACT.md`: float32 with one rounding, integers
/// in two's complement.
contract Elementwise is IOperatorVerifier {
    /// @dev No run has a result for it: onnxruntime stops with an error, or the processor does.
    error Elementwise_Undefined(int256 dividend, int256 divisor);

    /// @inheritdoc IOperatorVerifier
    function contradicts(Claim calldata claim) external pure returns (bool) {
        Claims.Reading memory reading = Claims.open(claim);
        uint16 operator = claim.node.operator;
        uint256 expected;
        if (operator == Operators.SQRT) expected = _sqrt(claim, reading);
        else if (operator >= Operators.ADD && operator <= Operators.DIV) expected = _binary(claim, reading, operator);
        else revert Claims.Claims_WrongOperator(operator);
        return Claims.differs(reading, expected);
    }

    function _sqrt(Claim calldata claim, Claims.Reading memory reading) private pure returns (uint256) {
        Claims.requireOperands(claim, 1);
        Claims.requireAttributes(claim, 0);
        Claims.Tensor memory x = Claims.tensor(claim, 0);
        Claims.requireDtype(x, DataTypes.FLOAT);
        Claims.requireDtype(reading.output, DataTypes.FLOAT);
        Claims.sameShape(x.header, reading.output.header);
        return F32.unwrap(F32.wrap(uint32(Claims.read(reading, x, claim.element))).sqrt());
    }

    function _binary(
        Claim calldata claim,
        Claims.Reading memory reading,
        uint16 operator
    ) private pure returns (uint256) {
        Claims.requireOperands(claim, 2);
        (uint256 a, uint256 b) = _operands(claim, reading);
        uint8 dtype = reading.output.header.dtype;
        if (dtype == DataTypes.FLOAT) return _float(operator, F32.wrap(uint32(a)), F32.wrap(uint32(b)));
        if (!DataTypes.isInteger(dtype)) revert Claims.Claims_WrongDtype(dtype);
        uint256 size = reading.output.size;
        return _integer(operator, DataTypes.toInt(dtype, size, a), DataTypes.toInt(dtype, size, b), dtype, size);
    }

    function _operands(
        Claim calldata claim,
        Claims.Reading memory reading
    ) private pure returns (uint256 bitsA, uint256 bitsB) {
        TensorHeader memory output = reading.output.header;
        Claims.Tensor memory a = Claims.tensor(claim, 0);
        Claims.Tensor memory b = Claims.tensor(claim, 1);
        Claims.requireDtype(a, output.dtype);
        Claims.requireDtype(b, output.dtype);
        Claims.requireAttributes(claim, 6 + 2 * uint256(output.rank));
        (int64 baseA, int64[] memory stridesA, int64 baseB, int64[] memory stridesB) = abi.decode(
            claim.node.attributes,
            (int64, int64[], int64, int64[])
        );
        if (stridesA.length != output.rank || stridesB.length != output.rank) revert Claims.Claims_WrongAttributes();
        bitsA = Claims.readSigned(reading, a, MultiIndex.strided(output, claim.element, baseA, stridesA));
        bitsB = Claims.readSigned(reading, b, MultiIndex.strided(output, claim.element, baseB, stridesB));
    }

    function _float(uint16 operator, F32 a, F32 b) private pure returns (uint256) {
        if (operator == Operators.ADD) return F32.unwrap(a.add(b));
        if (operator == Operators.SUB) return F32.unwrap(a.sub(b));
        if (operator == Operators.MUL) return F32.unwrap(a.mul(b));
        return F32.unwrap(a.div(b));
    }

    function _integer(uint16 operator, int256 a, int256 b, uint8 dtype, uint256 size) private pure returns (uint256) {
        if (operator == Operators.ADD) return DataTypes.toBits(a + b, size);
        if (operator == Operators.SUB) return DataTypes.toBits(a - b, size);
        if (operator == Operators.MUL) return DataTypes.toBits(a * b, size);
        // The smallest int32 or int64 by -1 stops a processor; smaller types are divided as int32 and cut.
        if (b == 0 || (size > 2 && !DataTypes.holds(dtype, size, a / b))) revert Elementwise_Undefined(a, b);
        return DataTypes.toBits(a / b, size);
    }
}
