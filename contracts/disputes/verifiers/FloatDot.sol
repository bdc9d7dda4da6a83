// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {F32, SoftFloat32} from "./SoftFloat32.sol";
import {IOperatorVerifier} from "../../interfaces/IOperatorVerifier.sol";
import {IPartialVerifier} from "../../interfaces/IPartialVerifier.sol";
import {Claims} from "../../libraries/Claims.sol";
import {DataTypes} from "../../libraries/DataTypes.sol";
import {DotShapes} from "../../libraries/DotShapes.sol";
import {FloatOperands} from "../../libraries/FloatOperands.sol";
import {FloatSums} from "../../libraries/FloatSums.sol";
import {FloatTerms} from "../../libraries/FloatTerms.sol";
import {Operators} from "../../libraries/Operators.sol";
import {StepRanges, Steps} from "../../libraries/Steps.sol";
import {Windows} from "../../libraries/Windows.sol";
import {Claim} from "../../types/CourtTypes.sol";
import {Numeric} from "../../types/GraphTypes.sol";

/// @title Sums of float32, bit for bit
/// @notice `MATMUL`, `CONV`, `AVERAGE_POOL`, `REDUCE_SUM`, `REDUCE_MEAN` and `BATCH_NORMALIZATION` as in
/// `docs/verifiers/FLOAT.md`, in the order that the node's numeric says. Matrix products read a, b, c; convolutions
/// read w, then x in the order of the window, then the bias. Steps: products of a row and a column, channels of a
/// convolution, elements of a reduction in sequence; each call opens the whole claim.
contract FloatDot is IPartialVerifier {
    uint8 private constant BIT_FOR_BIT = 0;

    error FloatDot_WrongMode(uint8 mode);

    /// @inheritdoc IOperatorVerifier
    function contradicts(Claim calldata claim) external pure returns (bool) {
        FloatSums.Blocks memory sum;
        return _contradicts(claim, Steps(0, StepRanges.END), sum);
    }

    /// @inheritdoc IPartialVerifier
    function accumulate(
        Claim calldata claim,
        uint256 from,
        uint256 to,
        bytes calldata sum
    ) external pure returns (bytes memory) {
        FloatSums.Blocks memory blocks = _resumed(from, sum);
        Claims.Reading memory reading = Claims.open(claim);
        _evaluate(claim, reading, Steps(from, to), blocks);
        Claims.close(reading);
        return abi.encode(blocks);
    }

    /// @inheritdoc IPartialVerifier
    function contradictsAfter(Claim calldata claim, uint256 from, bytes calldata sum) external pure returns (bool) {
        return _contradicts(claim, Steps(from, StepRanges.END), _resumed(from, sum));
    }

    function _contradicts(
        Claim calldata claim,
        Steps memory steps,
        FloatSums.Blocks memory sum
    ) private pure returns (bool) {
        Claims.Reading memory reading = Claims.open(claim);
        return Claims.differs(reading, F32.unwrap(_evaluate(claim, reading, steps, sum)));
    }

    /// @dev Adds the steps. The result is the element if they are the last ones, else it means nothing.
    function _evaluate(
        Claim calldata claim,
        Claims.Reading memory reading,
        Steps memory steps,
        FloatSums.Blocks memory sum
    ) private pure returns (F32) {
        Claims.requireDtype(reading.output, DataTypes.FLOAT);
        Numeric memory numeric = claim.node.numeric;
        if (numeric.mode != BIT_FOR_BIT) revert FloatDot_WrongMode(numeric.mode);
        uint16 operator = claim.node.operator;
        if (operator == Operators.MATMUL) return _matMul(claim, reading, steps, sum);
        if (operator == Operators.CONV) return _conv(claim, reading, steps, sum);
        if (operator == Operators.REDUCE_SUM) return _reduceSum(claim, reading, steps, sum);
        if (operator == Operators.REDUCE_MEAN) return _reduceMean(claim, reading, steps, sum);
        steps.requireAll();
        if (operator == Operators.AVERAGE_POOL) return _averagePool(claim, reading);
        if (operator == Operators.BATCH_NORMALIZATION) return _batchNormalization(claim, reading, numeric);
        revert Claims.Claims_WrongOperator(operator);
    }

    function _matMul(
        Claim calldata claim,
        Claims.Reading memory reading,
        Steps memory steps,
        FloatSums.Blocks memory sum
    ) private pure returns (F32) {
        Claims.requireOperands(claim, 3);
        FloatTerms.Terms memory terms = FloatTerms.ofRowAndColumn(claim, reading, steps);
        (bool hasC, F32 c) = FloatOperands.addend(claim, reading);
        return _dot(claim, terms, sum, hasC, c);
    }

    function _conv(
        Claim calldata claim,
        Claims.Reading memory reading,
        Steps memory steps,
        FloatSums.Blocks memory sum
    ) private pure returns (F32) {
        Claims.requireOperands(claim, 3);
        (DotShapes.Convolution memory convolution, uint256[8] memory index) = FloatOperands.convolutionOf(
            claim,
            reading
        );
        FloatTerms.Terms memory terms = FloatTerms.ofPatch(claim, reading, convolution, index, steps);
        if (Claims.isAbsent(claim, 2)) return _dot(claim, terms, sum, false, SoftFloat32.ZERO);
        return _dot(claim, terms, sum, true, FloatOperands.ofChannel(claim, reading, 2, index[1]));
    }

    function _averagePool(Claim calldata claim, Claims.Reading memory reading) private pure returns (F32) {
        Claims.requireOperands(claim, 1);
        (Windows.Window memory window, uint32 divisor, FloatSums.Order order) = _pool(claim, claim.headers[0].rank);
        (Claims.Tensor memory x, uint256 first, uint256[] memory places, uint256[] memory taps) = FloatOperands.pooled(
            claim,
            reading,
            window,
            Steps(0, StepRanges.END)
        );
        if (places.length == 0) revert Claims.Claims_WrongShape();
        for (uint256 i; i < places.length; ++i) places[i] = FloatSums.term(Claims.read(reading, x, first + places[i]));
        F32 sum;
        if (order == FloatSums.Order.Columns) {
            sum = FloatSums.inColumns(places, taps, window.kernel[window.kernel.length - 1]);
        } else if (order == FloatSums.Order.Lanes) sum = FloatSums.inLanes(places);
        else if (order == FloatSums.Order.Packets) sum = FloatSums.inPackets(places, first);
        else sum = _inSequence(claim, places);
        return sum.div(SoftFloat32.fromUint(divisor == 0 ? places.length : divisor));
    }

    function _reduceSum(
        Claim calldata claim,
        Claims.Reading memory reading,
        Steps memory steps,
        FloatSums.Blocks memory sum
    ) private pure returns (F32 total) {
        (total, ) = _reduce(claim, reading, steps, sum);
    }

    function _reduceMean(
        Claim calldata claim,
        Claims.Reading memory reading,
        Steps memory steps,
        FloatSums.Blocks memory sum
    ) private pure returns (F32) {
        (F32 total, uint256 length) = _reduce(claim, reading, steps, sum);
        return total.div(SoftFloat32.fromUint(length));
    }

    function _reduce(
        Claim calldata claim,
        Claims.Reading memory reading,
        Steps memory steps,
        FloatSums.Blocks memory sum
    ) private pure returns (F32 total, uint256 length) {
        Claims.requireOperands(claim, 1);
        Claims.requireAttributes(claim, 4);
        (FloatOperands.Rows memory rows, FloatSums.Order order) = abi.decode(
            claim.node.attributes,
            (FloatOperands.Rows, FloatSums.Order)
        );
        length = rows.length;
        // A row has no columns.
        if (order == FloatSums.Order.Columns) revert Claims.Claims_WrongAttributes();
        if (order != FloatSums.Order.Sequence) steps.requireAll();

        (Claims.Tensor memory x, uint256 first, uint256 count) = FloatOperands.reduced(claim, reading, rows, steps);
        uint256[] memory terms = new uint256[](count);
        for (uint256 i; i < count; ++i)
            terms[i] = FloatSums.term(Claims.read(reading, x, first + i * uint256(rows.inner)));
        if (order == FloatSums.Order.Lanes) return (FloatSums.inLanes(terms), length);
        if (order == FloatSums.Order.Packets) return (FloatSums.inPackets(terms, first), length);
        FloatSums.Blocks memory start = _startOfReduction(claim.node.numeric);
        return (_added(claim, FloatTerms.Terms(terms, steps.from, length), sum, start), length);
    }

    function _batchNormalization(
        Claim calldata claim,
        Claims.Reading memory reading,
        Numeric memory numeric
    ) private pure returns (F32) {
        Claims.requireOperands(claim, 3);
        (F32 value, uint256 channel) = FloatOperands.normalized(claim, reading);
        F32 scale = FloatOperands.ofChannel(claim, reading, 1, channel);
        F32 offset = FloatOperands.ofChannel(claim, reading, 2, channel);
        return numeric.fused ? value.fma(scale, offset) : value.mul(scale).add(offset);
    }

    /// @dev A sum of products with what is added to it.
    function _dot(
        Claim calldata claim,
        FloatTerms.Terms memory terms,
        FloatSums.Blocks memory sum,
        bool hasBias,
        F32 bias
    ) private pure returns (F32 total) {
        bool fused = claim.node.numeric.fused;
        bool isFirst = hasBias && claim.node.numeric.biasFirst;
        // Kernels without fused operations begin a block with its first product, and the whole with zero.
        FloatSums.Blocks memory start =
            fused
                ? FloatSums.Blocks(SoftFloat32.ZERO, FloatSums.MINUS_ZERO)
                : FloatSums.Blocks(FloatSums.MINUS_ZERO, SoftFloat32.ZERO);
        if (isFirst) start.total = bias;
        total = _added(claim, terms, sum, start);
        if (hasBias && !isFirst) total = total.add(bias);
    }

    /// @dev The first terms begin the sum.
    function _added(
        Claim calldata claim,
        FloatTerms.Terms memory terms,
        FloatSums.Blocks memory sum,
        FloatSums.Blocks memory start
    ) private pure returns (F32) {
        if (terms.first == 0) (sum.block, sum.total) = (start.block, start.total);
        FloatSums.addInBlocks(sum, terms.factors, terms.first, terms.length, claim.node.numeric, start.block);
        return sum.total;
    }

    function _inSequence(Claim calldata claim, uint256[] memory terms) private pure returns (F32) {
        FloatSums.Blocks memory start = FloatSums.Blocks(SoftFloat32.ZERO, FloatSums.MINUS_ZERO);
        FloatSums.Blocks memory sum;
        return _added(claim, FloatTerms.Terms(terms, 0, terms.length), sum, start);
    }

    /// @dev Fused: from zero. A sum in blocks is computed as a product with ones.
    function _startOfReduction(Numeric memory numeric) private pure returns (FloatSums.Blocks memory) {
        if (numeric.fused) return FloatSums.Blocks(SoftFloat32.ZERO, FloatSums.MINUS_ZERO);
        return FloatSums.Blocks(FloatSums.MINUS_ZERO, numeric.block == 0 ? FloatSums.MINUS_ZERO : SoftFloat32.ZERO);
    }

    function _resumed(uint256 from, bytes calldata sum) private pure returns (FloatSums.Blocks memory blocks) {
        if (from != 0) blocks = abi.decode(sum, (FloatSums.Blocks));
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
