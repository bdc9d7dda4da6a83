// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Accumulator, Rounding} from "./ExactAccumulator.sol";
import {F32, SoftFloat32} from "./SoftFloat32.sol";
import {IOperatorVerifier} from "../../interfaces/IOperatorVerifier.sol";
import {IPartialVerifier} from "../../interfaces/IPartialVerifier.sol";
import {Claims} from "../../libraries/Claims.sol";
import {DataTypes} from "../../libraries/DataTypes.sol";
import {DotShapes} from "../../libraries/DotShapes.sol";
import {FloatOperands} from "../../libraries/FloatOperands.sol";
import {FloatRuns} from "../../libraries/FloatRuns.sol";
import {Operators} from "../../libraries/Operators.sol";
import {StepRanges, Steps} from "../../libraries/Steps.sol";
import {Windows} from "../../libraries/Windows.sol";
import {Claim} from "../../types/CourtTypes.sol";

/// @title Sums of float32, in any order
/// @notice `TOLERANCE_MATMUL`, `TOLERANCE_CONV`, `TOLERANCE_AVERAGE_POOL`, `TOLERANCE_REDUCE_SUM`,
/// `TOLERANCE_REDUCE_MEAN` and `TOLERANCE_BATCH_NORMALIZATION` as in `docs/verifiers/TOLERANCE.md`: an element
/// contradicts its operands if no order of summation, with multiply-add fused or not, can have given it. Operands are
/// read as by `FloatDot`. Steps: products of a row and a column, places of a kernel, elements of a row.
contract ToleranceDot is IPartialVerifier {
    /// @dev What was added up so far: the sum itself, and how many terms it has, zeros that only fill up words left out.
    struct Sum {
        Accumulator exact;
        uint256 terms;
    }

    uint8 private constant ANY_ORDER = 1;
    /// @dev At most four in the committed scale, six in that of another runtime, three in what is done with it.
    uint256 private constant NORMALIZATION_ROUNDINGS = 13;

    error ToleranceDot_WrongMode(uint8 mode);

    /// @inheritdoc IOperatorVerifier
    function contradicts(Claim calldata claim) external pure returns (bool) {
        Sum memory sum;
        return _contradicts(claim, Steps(0, StepRanges.END), sum);
    }

    /// @inheritdoc IPartialVerifier
    function accumulate(
        Claim calldata claim,
        uint256 from,
        uint256 to,
        bytes calldata sum
    ) external pure returns (bytes memory) {
        Sum memory total = _resumed(from, sum);
        _add(claim, Claims.open(claim), Steps(from, to), total);
        return abi.encode(total);
    }

    /// @inheritdoc IPartialVerifier
    function contradictsAfter(Claim calldata claim, uint256 from, bytes calldata sum) external pure returns (bool) {
        return _contradicts(claim, Steps(from, StepRanges.END), _resumed(from, sum));
    }

    function _contradicts(Claim calldata claim, Steps memory steps, Sum memory sum) private pure returns (bool) {
        Claims.Reading memory reading = Claims.open(claim);
        Rounding memory rounding = _add(claim, reading, steps, sum);
        return !sum.exact.within(_claimed(reading), rounding);
    }

    /// @dev Adds what the steps read. What rounding may have done is only told with the last ones.
    function _add(
        Claim calldata claim,
        Claims.Reading memory reading,
        Steps memory steps,
        Sum memory sum
    ) private pure returns (Rounding memory rounding) {
        Claims.requireDtype(reading.output, DataTypes.FLOAT);
        uint8 mode = claim.node.numeric.mode;
        if (mode != ANY_ORDER) revert ToleranceDot_WrongMode(mode);
        uint16 operator = claim.node.operator;
        if (operator == Operators.TOLERANCE_MATMUL) rounding = _matMul(claim, reading, steps, sum);
        else if (operator == Operators.TOLERANCE_CONV) rounding = _conv(claim, reading, steps, sum);
        else if (operator == Operators.TOLERANCE_AVERAGE_POOL) rounding = _averagePool(claim, reading, steps, sum);
        else if (operator == Operators.TOLERANCE_REDUCE_SUM) rounding = _reduceSum(claim, reading, steps, sum);
        else if (operator == Operators.TOLERANCE_REDUCE_MEAN) rounding = _reduceMean(claim, reading, steps, sum);
        else if (operator == Operators.TOLERANCE_BATCH_NORMALIZATION) {
            steps.requireAll();
            rounding = _batchNormalization(claim, reading, sum.exact);
        } else revert Claims.Claims_WrongOperator(operator);
        Claims.close(reading);
    }

    function _matMul(
        Claim calldata claim,
        Claims.Reading memory reading,
        Steps memory steps,
        Sum memory sum
    ) private pure returns (Rounding memory rounding) {
        Claims.requireOperands(claim, 3);
        (uint256 inA, uint256 inB, uint256 length) = FloatOperands.rowAndColumn(claim, reading);
        (uint256 from, uint256 to) = steps.within(length);
        uint256 offset = FloatOperands.ELEMENT_BYTES * from;
        FloatRuns.addProducts(sum.exact, inA + offset, inB + offset, to - from);
        sum.terms += to - from;
        if (!steps.areLast()) return rounding;
        (bool hasC, F32 c) = FloatOperands.addend(claim, reading);
        if (hasC) _addNumber(sum, c);
        return _ofProducts(sum);
    }

    function _conv(
        Claim calldata claim,
        Claims.Reading memory reading,
        Steps memory steps,
        Sum memory sum
    ) private pure returns (Rounding memory rounding) {
        Claims.requireOperands(claim, 3);
        (DotShapes.Convolution memory convolution, uint256[8] memory index) = FloatOperands.convolutionOf(
            claim,
            reading
        );
        FloatOperands.Patch memory patch = FloatOperands.patchAndFilter(claim, reading, convolution, index, steps);
        _addPatch(patch, steps, sum, _claimed(reading).isNaN());
        if (!steps.areLast()) return rounding;
        if (!Claims.isAbsent(claim, 2)) _addNumber(sum, FloatOperands.ofChannel(claim, reading, 2, index[1]));
        return _ofProducts(sum);
    }

    function _averagePool(
        Claim calldata claim,
        Claims.Reading memory reading,
        Steps memory steps,
        Sum memory sum
    ) private pure returns (Rounding memory rounding) {
        Claims.requireOperands(claim, 1);
        (Windows.Window memory window, uint32 divisor) = _pool(claim, claim.headers[0].rank);
        (Claims.Tensor memory x, uint256 first, uint256[] memory places, ) = FloatOperands.pooled(
            claim,
            reading,
            window,
            steps
        );
        sum.terms += places.length;
        if (steps.areLast() && sum.terms == 0) revert Claims.Claims_WrongShape();
        for (uint256 i; i < places.length; ++i) places[i] = Claims.read(reading, x, first + places[i]);
        FloatRuns.addNumbers(sum.exact, places);
        if (steps.areLast()) rounding = _ofMean(sum.terms, divisor == 0 ? sum.terms : divisor);
    }

    function _reduceSum(
        Claim calldata claim,
        Claims.Reading memory reading,
        Steps memory steps,
        Sum memory sum
    ) private pure returns (Rounding memory) {
        // Nothing is multiplied: there are only additions, and a sum that is subnormal is exact.
        return Rounding(_addRow(claim, reading, steps, sum) - 1, 0, SoftFloat32.ONE);
    }

    function _reduceMean(
        Claim calldata claim,
        Claims.Reading memory reading,
        Steps memory steps,
        Sum memory sum
    ) private pure returns (Rounding memory) {
        uint256 length = _addRow(claim, reading, steps, sum);
        return _ofMean(length, length);
    }

    /// @dev (x - mean) * scale + offset.
    function _batchNormalization(
        Claim calldata claim,
        Claims.Reading memory reading,
        Accumulator memory sum
    ) private pure returns (Rounding memory) {
        Claims.requireOperands(claim, 4);
        (F32 value, uint256 channel) = FloatOperands.normalized(claim, reading);
        F32 scale = FloatOperands.ofChannel(claim, reading, 1, channel);
        sum.addProduct(value, scale);
        sum.addProduct(FloatOperands.ofChannel(claim, reading, 2, channel).neg(), scale);
        sum.addProduct(FloatOperands.ofChannel(claim, reading, 3, channel), SoftFloat32.ONE);
        return Rounding(NORMALIZATION_ROUNDINGS, 3, SoftFloat32.ONE);
    }

    /// @dev Adds the products of all places inside of x; those outside are zeros, of which a runtime may leave out the
    /// products. Where that makes a difference, because the filter has an infinity or NaN there, a NaN is right too.
    function _addPatch(FloatOperands.Patch memory patch, Steps memory steps, Sum memory sum, bool isNaN) private pure {
        uint256 channels = patch.channels;
        (uint256 from, uint256 to) = steps.within(patch.pixels.length);
        uint256 filter = patch.filter + FloatOperands.ELEMENT_BYTES * channels * from;
        for (uint256 place = from; place < to; ++place) {
            uint256 pixel = patch.pixels[place];
            if (pixel != 0) {
                FloatRuns.addProducts(sum.exact, pixel, filter, channels);
                sum.terms += channels;
            } else if (isNaN) {
                // Behind the calldata there are zeros.
                FloatRuns.addProducts(sum.exact, msg.data.length, filter, channels);
            }
            filter += FloatOperands.ELEMENT_BYTES * channels;
        }
    }

    function _addNumber(Sum memory sum, F32 number) private pure {
        sum.exact.addProduct(number, SoftFloat32.ONE);
        ++sum.terms;
    }

    /// @dev Adds what the steps have of a row, and returns its length.
    function _addRow(
        Claim calldata claim,
        Claims.Reading memory reading,
        Steps memory steps,
        Sum memory sum
    ) private pure returns (uint256) {
        Claims.requireOperands(claim, 1);
        Claims.requireAttributes(claim, 3);
        FloatOperands.Rows memory rows = abi.decode(claim.node.attributes, (FloatOperands.Rows));
        (Claims.Tensor memory x, uint256 first, uint256 count) = FloatOperands.reduced(claim, reading, rows, steps);
        uint256[] memory row = new uint256[](count);
        for (uint256 i; i < count; ++i) row[i] = Claims.read(reading, x, first + i * uint256(rows.inner));
        FloatRuns.addNumbers(sum.exact, row);
        return rows.length;
    }

    function _pool(
        Claim calldata claim,
        uint256 rank
    ) private pure returns (Windows.Window memory window, uint32 divisor) {
        if (rank < 3) revert Claims.Claims_WrongShape();
        Claims.requireAttributes(claim, 9 + 4 * (rank - 2));
        (window.kernel, window.strides, window.dilations, window.padsBegin, divisor) = abi.decode(
            claim.node.attributes,
            (uint32[], uint32[], uint32[], uint32[], uint32)
        );
    }

    function _ofProducts(Sum memory sum) private pure returns (Rounding memory) {
        return Rounding(sum.terms, sum.terms, SoftFloat32.ONE);
    }

    /// @dev terms - 1 roundings of sums, and two if the sum, or each term, is multiplied by the rounded reciprocal.
    function _ofMean(uint256 terms, uint256 divisor) private pure returns (Rounding memory) {
        return Rounding(terms + 1, terms * divisor, SoftFloat32.fromUint(divisor));
    }

    function _resumed(uint256 from, bytes calldata sum) private pure returns (Sum memory total) {
        if (from != 0) total = abi.decode(sum, (Sum));
    }

    function _claimed(Claims.Reading memory reading) private pure returns (F32) {
        return F32.wrap(uint32(reading.actual));
    }
}
