// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {F32, SoftFloat32} from "./SoftFloat32.sol";
import {IOperatorVerifier} from "../../interfaces/IOperatorVerifier.sol";
import {IPartialVerifier} from "../../interfaces/IPartialVerifier.sol";
import {ByteDot} from "../../libraries/ByteDot.sol";
import {Claims} from "../../libraries/Claims.sol";
import {DataTypes} from "../../libraries/DataTypes.sol";
import {DotShapes} from "../../libraries/DotShapes.sol";
import {MultiIndex} from "../../libraries/MultiIndex.sol";
import {Operators} from "../../libraries/Operators.sol";
import {Saturation} from "../../libraries/Saturation.sol";
import {StepRanges, Steps} from "../../libraries/Steps.sol";
import {TensorLayout} from "../../libraries/TensorLayout.sol";
import {Windows} from "../../libraries/Windows.sol";
import {Claim} from "../../types/CourtTypes.sol";
import {TensorHeader} from "../../types/TensorTypes.sol";

/// @title Matrix products and convolutions of bytes
/// @notice `MATMUL_INTEGER`, `QLINEAR_MATMUL`, `CONV_INTEGER` and `QLINEAR_CONV` as in `docs/verifiers/EXACT.md`.
/// Matrix products read a, b, the multiplier; convolutions read w, then x in the order of the window, then the
/// multiplier and the bias. Steps: products of a row and a column, places of a kernel.
contract IntegerDot is IPartialVerifier {
    struct ZeroPoints {
        int32 a;
        int32 b;
        int32 y;
    }

    error IntegerDot_BadMultiplier(F32 multiplier);
    error IntegerDot_WithinWord(uint256 from);

    /// @inheritdoc IOperatorVerifier
    function contradicts(Claim calldata claim) external pure returns (bool) {
        ByteDot.Sums memory sums;
        return _contradicts(claim, Steps(0, StepRanges.END), sums);
    }

    /// @inheritdoc IPartialVerifier
    function accumulate(
        Claim calldata claim,
        uint256 from,
        uint256 to,
        bytes calldata sum
    ) external pure returns (bytes memory) {
        ByteDot.Sums memory sums = _resumed(from, sum);
        Claims.Reading memory reading = Claims.open(claim);
        _evaluate(claim, reading, Steps(from, to), sums);
        Claims.close(reading);
        return abi.encode(sums);
    }

    /// @inheritdoc IPartialVerifier
    function contradictsAfter(Claim calldata claim, uint256 from, bytes calldata sum) external pure returns (bool) {
        return _contradicts(claim, Steps(from, StepRanges.END), _resumed(from, sum));
    }

    function _contradicts(
        Claim calldata claim,
        Steps memory steps,
        ByteDot.Sums memory sums
    ) private pure returns (bool) {
        Claims.Reading memory reading = Claims.open(claim);
        return Claims.differs(reading, _evaluate(claim, reading, steps, sums));
    }

    /// @dev Adds the steps, and computes the element if they are the last ones.
    function _evaluate(
        Claim calldata claim,
        Claims.Reading memory reading,
        Steps memory steps,
        ByteDot.Sums memory sums
    ) private pure returns (uint256) {
        uint16 operator = claim.node.operator;
        if (operator == Operators.MATMUL_INTEGER) return _matMulInteger(claim, reading, steps, sums);
        if (operator == Operators.QLINEAR_MATMUL) return _qLinearMatMul(claim, reading, steps, sums);
        if (operator == Operators.CONV_INTEGER) return _convInteger(claim, reading, steps, sums);
        if (operator == Operators.QLINEAR_CONV) return _qLinearConv(claim, reading, steps, sums);
        revert Claims.Claims_WrongOperator(operator);
    }

    function _matMulInteger(
        Claim calldata claim,
        Claims.Reading memory reading,
        Steps memory steps,
        ByteDot.Sums memory sums
    ) private pure returns (uint256) {
        Claims.requireOperands(claim, 2);
        Claims.requireAttributes(claim, 2);
        Claims.requireDtype(reading.output, DataTypes.INT32);
        ZeroPoints memory zeros;
        (zeros.a, zeros.b) = abi.decode(claim.node.attributes, (int32, int32));
        return _wrapped(_matMul(claim, reading, zeros, steps, sums));
    }

    function _qLinearMatMul(
        Claim calldata claim,
        Claims.Reading memory reading,
        Steps memory steps,
        ByteDot.Sums memory sums
    ) private pure returns (uint256) {
        Claims.requireOperands(claim, 3);
        Claims.requireAttributes(claim, 3);
        ZeroPoints memory zeros = abi.decode(claim.node.attributes, (ZeroPoints));
        int256 sum = _matMul(claim, reading, zeros, steps, sums);
        if (!steps.areLast()) return 0;
        TensorHeader memory output = reading.output.header;
        uint256 columns = output.dims[output.rank - 1];
        F32 multiplier = _multiplier(claim, reading, claim.element % columns, columns);
        return _requantized(reading, sum, multiplier, zeros.y);
    }

    function _convInteger(
        Claim calldata claim,
        Claims.Reading memory reading,
        Steps memory steps,
        ByteDot.Sums memory sums
    ) private pure returns (uint256) {
        Claims.requireOperands(claim, 2);
        Claims.requireDtype(reading.output, DataTypes.INT32);
        ZeroPoints memory zeros;
        DotShapes.Convolution memory convolution;
        (convolution, zeros.a, zeros.b) = abi.decode(claim.node.attributes, (DotShapes.Convolution, int32, int32));
        Claims.requireAttributes(claim, 12 + 4 * convolution.kernel.length);
        (int256 sum, ) = _convolve(claim, reading, convolution, zeros, steps, sums);
        return _wrapped(sum);
    }

    function _qLinearConv(
        Claim calldata claim,
        Claims.Reading memory reading,
        Steps memory steps,
        ByteDot.Sums memory sums
    ) private pure returns (uint256) {
        Claims.requireOperands(claim, 4);
        ZeroPoints memory zeros;
        DotShapes.Convolution memory convolution;
        (convolution, zeros.a, zeros.b, zeros.y) = abi.decode(
            claim.node.attributes,
            (DotShapes.Convolution, int32, int32, int32)
        );
        Claims.requireAttributes(claim, 13 + 4 * convolution.kernel.length);
        (int256 sum, uint256 channel) = _convolve(claim, reading, convolution, zeros, steps, sums);
        if (!steps.areLast()) return 0;
        uint256 channels = reading.output.header.dims[1];
        F32 multiplier = _multiplier(claim, reading, channel, channels);
        if (!Claims.isAbsent(claim, 3)) sum += _bias(claim, reading, channel, channels);
        return _requantized(reading, sum, multiplier, zeros.y);
    }

    /// @dev Leading axes are broadcast as in numpy.
    function _matMul(
        Claim calldata claim,
        Claims.Reading memory reading,
        ZeroPoints memory zeros,
        Steps memory steps,
        ByteDot.Sums memory sums
    ) private pure returns (int256) {
        Claims.Tensor memory a = Claims.tensor(claim, 0);
        Claims.Tensor memory b = Claims.tensor(claim, 1);
        if (a.header.layout != TensorLayout.ROWS) revert Claims.Claims_WrongLayout(0, a.header.layout);
        bool isReversed = _isReversed(b, TensorLayout.COLUMNS, TensorLayout.COLUMNS_REVERSED);
        uint256 length = a.along.length;
        (uint256 row, uint256 column) = DotShapes.rowAndColumn(
            a.header,
            b.header,
            reading.output.header,
            claim.element
        );
        if (b.along.length != length) revert Claims.Claims_WrongShape();
        (uint256 from, uint256 to) = steps.within(length);
        // Within a word of reversed groups, what follows a byte is not behind it.
        if (isReversed && from % 32 != 0) revert IntegerDot_WithinWord(from);

        uint256 bytesOfB = isReversed ? (length + 31) & ~uint256(31) : length;

        ByteDot.Run memory runA = _run(Claims.leaf(reading, 0, row, length) + from, a, false);
        ByteDot.Run memory runB = _run(Claims.leaf(reading, 1, column, bytesOfB) + from, b, isReversed);
        ByteDot.add(sums, runA, runB, to - from);
        return ByteDot.centred(sums, _zeroPoint(a, zeros.a), _zeroPoint(b, zeros.b));
    }

    /// @dev Places outside of x count as its zero point, and add nothing. The channel is the filter's.
    function _convolve(
        Claim calldata claim,
        Claims.Reading memory reading,
        DotShapes.Convolution memory convolution,
        ZeroPoints memory zeros,
        Steps memory steps,
        ByteDot.Sums memory sums
    ) private pure returns (int256, uint256 channel) {
        uint256[8] memory index = MultiIndex.unravel(reading.output.header, claim.element);
        Claims.Tensor memory x = Claims.tensor(claim, 0);
        Claims.Tensor memory w = Claims.tensor(claim, 1);
        if (x.header.layout != TensorLayout.PIXELS) revert Claims.Claims_WrongLayout(0, x.header.layout);
        bool isReversed = _isReversed(w, TensorLayout.FILTERS, TensorLayout.FILTERS_REVERSED);
        uint256 firstChannel = DotShapes.firstChannel(convolution, x.header, w.header, reading.output.header, index[1]);
        (uint256[] memory inImage, uint256[] memory inKernel) = Windows.places(
            DotShapes.windowOf(convolution),
            x.header,
            reading.output.header,
            index,
            steps
        );

        uint256 length = w.along.length;
        // Places of the filter are filled up to whole words where they are reversed.
        uint256 stride = isReversed ? (length + 31) & ~uint256(31) : length;
        ByteDot.Run memory filter = _run(Claims.leaf(reading, 1, index[1], stride * w.along.inner), w, isReversed);
        ByteDot.Run memory pixel = _run(0, x, false);
        uint256 filterStart = filter.start;
        uint256 firstPixel = index[0] * x.along.inner;
        uint256 lastChannel = firstChannel + length;
        for (uint256 i; i < inImage.length; ++i) {
            pixel.start = Claims.leaf(reading, 0, firstPixel + inImage[i], lastChannel) + firstChannel;
            filter.start = filterStart + inKernel[i] * stride;
            ByteDot.add(sums, pixel, filter, length);
        }
        return (ByteDot.centred(sums, _zeroPoint(x, zeros.a), _zeroPoint(w, zeros.b)), index[1]);
    }

    /// @dev Bytes of a tensor that begin at `start` in the calldata.
    function _run(
        uint256 start,
        Claims.Tensor memory of_,
        bool isReversed
    ) private pure returns (ByteDot.Run memory run) {
        run.start = start;
        run.isReversed = isReversed;
        if (of_.header.dtype == DataTypes.INT8) run.flip = ByteDot.INT8_FLIP;
    }

    /// @dev As it applies to bytes that were made unsigned.
    function _zeroPoint(Claims.Tensor memory of_, int256 zero) private pure returns (int256) {
        uint8 dtype = of_.header.dtype;
        if (!DataTypes.isByte(dtype)) revert Claims.Claims_WrongDtype(dtype);
        if (!DataTypes.holds(dtype, 1, zero)) revert Claims.Claims_WrongAttributes();
        return dtype == DataTypes.INT8 ? zero + 128 : zero;
    }

    function _isReversed(Claims.Tensor memory of_, uint8 straight, uint8 reversed) private pure returns (bool) {
        uint8 layout = of_.header.layout;
        if (layout != straight && layout != reversed) revert Claims.Claims_WrongLayout(of_.operand, layout);
        return layout == reversed;
    }

    /// @dev One for all channels or columns, or one for each.
    function _multiplier(
        Claim calldata claim,
        Claims.Reading memory reading,
        uint256 channel,
        uint256 channels
    ) private pure returns (F32 multiplier) {
        Claims.Tensor memory multipliers = Claims.tensor(claim, 2);
        Claims.requireDtype(multipliers, DataTypes.FLOAT);
        if (multipliers.header.rank != 1 || (multipliers.count != 1 && multipliers.count != channels)) {
            revert Claims.Claims_WrongShape();
        }
        uint256 at = multipliers.count == 1 ? 0 : channel;
        multiplier = F32.wrap(uint32(Claims.read(reading, multipliers, at)));
        // 0 * infinity is no number, and what becomes of it differs.
        if (!multiplier.isFinite()) revert IntegerDot_BadMultiplier(multiplier);
    }

    function _bias(
        Claim calldata claim,
        Claims.Reading memory reading,
        uint256 channel,
        uint256 channels
    ) private pure returns (int256) {
        Claims.Tensor memory bias = Claims.tensor(claim, 3);
        Claims.requireDtype(bias, DataTypes.INT32);
        if (bias.header.rank != 1 || bias.count != channels) revert Claims.Claims_WrongShape();
        return DataTypes.toInt(DataTypes.INT32, 4, Claims.read(reading, bias, channel));
    }

    function _requantized(
        Claims.Reading memory reading,
        int256 sum,
        F32 multiplier,
        int256 zero
    ) private pure returns (uint256) {
        uint8 dtype = reading.output.header.dtype;
        _zeroPoint(reading.output, zero);
        F32 exact = SoftFloat32.fromInt(DataTypes.toInt(DataTypes.INT32, 4, _wrapped(sum)));
        return Saturation.quantise(exact.mul(multiplier), zero, dtype, 1);
    }

    function _resumed(uint256 from, bytes calldata sum) private pure returns (ByteDot.Sums memory sums) {
        if (from != 0) sums = abi.decode(sum, (ByteDot.Sums));
    }

    /// @dev Sums are int32 in two's complement.
    function _wrapped(int256 sum) private pure returns (uint256) {
        return DataTypes.toBits(sum, 4);
    }
}
