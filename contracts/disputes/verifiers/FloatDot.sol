// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {F32, SoftFloat32} from "./SoftFloat32.sol";
import {IOperatorVerifier} from "../../interfaces/IOperatorVerifier.sol";
import {Claims} from "../../libraries/Claims.sol";
import {DataTypes} from "../../libraries/DataTypes.sol";
import {DotShapes} from "../../libraries/DotShapes.sol";
import {FloatOperands} from "../../libraries/FloatOperands.sol";
import {FloatSums} from "../../libraries/FloatSums.sol";
import {MultiIndex} from "../../libraries/MultiIndex.sol";
import {Operators} from "../../libraries/Operators.sol";
import {Windows} from "../../libraries/Windows.sol";
import {Claim} from "../../types/CourtTypes.sol";
import {Numeric} from "../../types/GraphTypes.sol";
import {TensorHeader} from "../../types/TensorTypes.sol";

/// @title Sums of float32, bit for bit
/// @notice `MATMUL`, `CONV`, `AVERAGE_POOL`, `REDUCE_SUM`, `REDUCE_MEAN` and `BATCH_NORMALIZATION` as in
/// `docs/verifiers/FLOAT.md`, in the order that the node's numeric says. Matrix products read a, b, c; convolutions
/// read w, then x in the order of the window, then the bias.
contract FloatDot is IOperatorVerifier {
    uint8 private constant BIT_FOR_BIT = 0;

    error FloatDot_WrongMode(uint8 mode);

    /// @inheritdoc IOperatorVerifier
    function contradicts(Claim calldata claim) external pure returns (bool) {
        Claims.Reading memory reading = Claims.open(claim);
        Claims.requireDtype(reading.output, DataTypes.FLOAT);
        Numeric memory numeric = claim.node.numeric;
        if (numeric.mode != BIT_FOR_BIT) revert FloatDot_WrongMode(numeric.mode);
        uint16 operator = claim.node.operator;
        F32 expected;
        if (operator == Operators.MATMUL) expected = _matMul(claim, reading, numeric);
        else if (operator == Operators.CONV) expected = _conv(claim, reading, numeric);
        else if (operator == Operators.AVERAGE_POOL) expected = _averagePool(claim, reading, numeric);
        else if (operator == Operators.REDUCE_SUM) (expected, ) = _reduce(claim, reading, numeric);
        else if (operator == Operators.REDUCE_MEAN) expected = _reduceMean(claim, reading, numeric);
        else if (operator == Operators.BATCH_NORMALIZATION) expected = _batchNormalization(claim, reading, numeric);
        else revert Claims.Claims_WrongOperator(operator);
        return Claims.differs(reading, F32.unwrap(expected));
    }

    function _matMul(
        Claim calldata claim,
        Claims.Reading memory reading,
        Numeric memory numeric
    ) private pure returns (F32) {
        Claims.requireOperands(claim, 3);
        uint256[] memory terms = _matMulTerms(claim, reading);
        TensorHeader memory output = reading.output.header;
        bool hasC = !Claims.isAbsent(claim, 2);
        Claims.requireAttributes(claim, 2 + (hasC ? uint256(output.rank) : 0));
        int64[] memory strides = abi.decode(claim.node.attributes, (int64[]));
        if (strides.length != (hasC ? output.rank : 0)) revert Claims.Claims_WrongAttributes();
        if (!hasC) return _dot(terms, numeric, false, SoftFloat32.ZERO);
        Claims.Tensor memory c = FloatOperands.tensor(claim, 2);
        int256 at = MultiIndex.strided(output, claim.element, 0, strides);
        return _dot(terms, numeric, true, F32.wrap(uint32(Claims.readSigned(reading, c, at))));
    }

    function _conv(
        Claim calldata claim,
        Claims.Reading memory reading,
        Numeric memory numeric
    ) private pure returns (F32) {
        Claims.requireOperands(claim, 3);
        DotShapes.Convolution memory convolution = abi.decode(claim.node.attributes, (DotShapes.Convolution));
        Claims.requireAttributes(claim, 10 + 4 * convolution.kernel.length);
        TensorHeader memory output = reading.output.header;
        uint256[8] memory index = MultiIndex.unravel(output, claim.element);
        uint256[] memory terms = _convTerms(claim, reading, convolution, index);
        if (Claims.isAbsent(claim, 2)) return _dot(terms, numeric, false, SoftFloat32.ZERO);
        return _dot(terms, numeric, true, FloatOperands.ofChannel(claim, reading, 2, index[1]));
    }

    function _averagePool(
        Claim calldata claim,
        Claims.Reading memory reading,
        Numeric memory numeric
    ) private pure returns (F32) {
        Claims.requireOperands(claim, 1);
        Claims.Tensor memory x = FloatOperands.tensor(claim, 0);
        (Windows.Window memory window, uint32 divisor, FloatSums.Order order) = _pool(claim, x.header.rank);
        TensorHeader memory output = reading.output.header;
        uint256[8] memory index = MultiIndex.unravel(output, claim.element);
        (uint256[] memory places, uint256[] memory taps) = Windows.places(window, x.header, output, index);
        if (x.header.dims[1] != output.dims[1] || places.length == 0) revert Claims.Claims_WrongShape();

        // Row-major elements of the image and channel that come before its places.
        uint256 first = (index[0] * x.header.dims[1] + index[1]) * Windows.placesOf(x.header);
        for (uint256 i; i < places.length; ++i) places[i] = FloatSums.term(Claims.read(reading, x, first + places[i]));
        F32 sum;
        if (order == FloatSums.Order.Columns) {
            sum = FloatSums.inColumns(places, taps, window.kernel[window.kernel.length - 1]);
        } else {
            sum = _sum(places, order, numeric, FloatSums.Start(SoftFloat32.ZERO, FloatSums.MINUS_ZERO), first);
        }
        return sum.div(SoftFloat32.fromUint(divisor == 0 ? places.length : divisor));
    }

    function _reduceMean(
        Claim calldata claim,
        Claims.Reading memory reading,
        Numeric memory numeric
    ) private pure returns (F32) {
        (F32 sum, uint256 length) = _reduce(claim, reading, numeric);
        return sum.div(SoftFloat32.fromUint(length));
    }

    function _reduce(
        Claim calldata claim,
        Claims.Reading memory reading,
        Numeric memory numeric
    ) private pure returns (F32 sum, uint256 length) {
        Claims.requireOperands(claim, 1);
        Claims.requireAttributes(claim, 4);
        Claims.Tensor memory x = FloatOperands.tensor(claim, 0);
        uint256 outer;
        uint256 inner;
        FloatSums.Order order;
        (outer, length, inner, order) = abi.decode(claim.node.attributes, (uint32, uint32, uint32, FloatSums.Order));
        if (outer * length * inner != x.count || outer * inner != reading.output.count) {
            revert Claims.Claims_WrongShape();
        }
        // A row has no columns.
        if (order == FloatSums.Order.Columns) revert Claims.Claims_WrongAttributes();

        uint256 first = (claim.element / inner) * length * inner + (claim.element % inner);
        uint256[] memory terms = new uint256[](length);
        for (uint256 i; i < length; ++i) terms[i] = FloatSums.term(Claims.read(reading, x, first + i * inner));
        return (_sum(terms, order, numeric, _startOfReduction(numeric), first), length);
    }

    function _batchNormalization(
        Claim calldata claim,
        Claims.Reading memory reading,
        Numeric memory numeric
    ) private pure returns (F32) {
        Claims.requireOperands(claim, 3);
        Claims.requireAttributes(claim, 0);
        Claims.Tensor memory x = FloatOperands.tensor(claim, 0);
        TensorHeader memory output = reading.output.header;
        Claims.sameShape(x.header, output);
        if (output.rank < 2) revert Claims.Claims_WrongShape();
        F32 value = F32.wrap(uint32(Claims.read(reading, x, claim.element)));
        uint256 channel = MultiIndex.unravel(output, claim.element)[1];
        F32 scale = FloatOperands.ofChannel(claim, reading, 1, channel);
        F32 offset = FloatOperands.ofChannel(claim, reading, 2, channel);
        return numeric.fused ? value.fma(scale, offset) : value.mul(scale).add(offset);
    }

    /// @dev The factors of a row and a column.
    function _matMulTerms(
        Claim calldata claim,
        Claims.Reading memory reading
    ) private pure returns (uint256[] memory terms) {
        (uint256 inA, uint256 inB, uint256 length) = FloatOperands.rowAndColumn(claim, reading);
        terms = new uint256[](length);
        FloatSums.fill(terms, 0, 1, inA, inB, length);
    }

    /// @dev Channel by channel, the factors of all places of the window. Places outside of x are zeros, which take part:
    /// zero times infinity is no number.
    function _convTerms(
        Claim calldata claim,
        Claims.Reading memory reading,
        DotShapes.Convolution memory convolution,
        uint256[8] memory index
    ) private pure returns (uint256[] memory terms) {
        FloatOperands.Patch memory patch = FloatOperands.patchAndFilter(claim, reading, convolution, index);
        (uint256 channels, uint256 places) = (patch.channels, patch.pixels.length);
        terms = new uint256[](channels * places);
        for (uint256 place; place < places; ++place) {
            uint256 pixel = patch.pixels[place] == 0 ? msg.data.length : patch.pixels[place];
            FloatSums.fill(
                terms,
                place,
                places,
                pixel,
                patch.filter + FloatOperands.ELEMENT_BYTES * channels * place,
                channels
            );
        }
    }

    /// @dev A sum of products with what is added to it.
    function _dot(
        uint256[] memory terms,
        Numeric memory numeric,
        bool hasBias,
        F32 bias
    ) private pure returns (F32 sum) {
        bool isFirst = hasBias && numeric.biasFirst;
        // Kernels without fused operations begin a block with its first product, and the whole with zero.
        F32 block_ = numeric.fused ? SoftFloat32.ZERO : FloatSums.MINUS_ZERO;
        F32 total = numeric.fused ? FloatSums.MINUS_ZERO : SoftFloat32.ZERO;
        sum = FloatSums.inBlocks(terms, numeric, FloatSums.Start(block_, isFirst ? bias : total));
        if (hasBias && !isFirst) sum = sum.add(bias);
    }

    /// @dev A plain sum; `first` is the place of its first term in the operand.
    function _sum(
        uint256[] memory terms,
        FloatSums.Order order,
        Numeric memory numeric,
        FloatSums.Start memory start,
        uint256 first
    ) private pure returns (F32) {
        if (order == FloatSums.Order.Lanes) return FloatSums.inLanes(terms);
        if (order == FloatSums.Order.Packets) return FloatSums.inPackets(terms, first);
        return FloatSums.inBlocks(terms, numeric, start);
    }

    /// @dev Fused: from zero. A sum in blocks is computed as a product with ones.
    function _startOfReduction(Numeric memory numeric) private pure returns (FloatSums.Start memory) {
        if (numeric.fused) return FloatSums.Start(SoftFloat32.ZERO, FloatSums.MINUS_ZERO);
        return FloatSums.Start(FloatSums.MINUS_ZERO, numeric.block == 0 ? FloatSums.MINUS_ZERO : SoftFloat32.ZERO);
    }

    function _pool(
        Claim calldata claim,
        uint256 rank
    ) private pure returns (Windows.Window memory window, uint32 divisor, FloatSums.Order order) {
        if (rank < 3) revert Claims.Claims_WrongShape();
        Claims.requireAttributes(claim, 10 + 4 * (rank - 2));
        (window.kernel, window.strides, window.dilations, window.padsBegin, divisor, order) = abi.decode(
            claim.node.attributes,
            (uint32[], uint32[], uint32[], uint32[], uint32, FloatSums.Order)
        );
    }
}
