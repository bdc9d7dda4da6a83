// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {Claims} from "./Claims.sol";
import {DataTypes} from "./DataTypes.sol";
import {DotShapes} from "./DotShapes.sol";
import {FloatRuns} from "./FloatRuns.sol";
import {MultiIndex} from "./MultiIndex.sol";
import {Steps} from "./Steps.sol";
import {TensorLayout} from "./TensorLayout.sol";
import {Windows} from "./Windows.sol";
import {F32} from "../disputes/verifiers/SoftFloat32.sol";
import {Claim} from "../types/CourtTypes.sol";
import {TensorHeader} from "../types/TensorTypes.sol";

/// @title Where the float32 operands of an element lie
/// @notice What the verifiers of float sums read alike, whatever they then do with the numbers.
library FloatOperands {
    /// @notice What a filter meets in an element of a convolution.
    struct Patch {
        /// Where the filter begins in the calldata: place by place, the channels of each.
        uint256 filter;
        /// Of each place of the kernel, where the channels of its pixel begin; zero outside of x and of the steps.
        uint256[] pixels;
        uint256 channels;
    }

    /// @notice x seen as [outer, length, inner], of which the length is added up.
    struct Rows {
        uint32 outer;
        uint32 length;
        uint32 inner;
    }

    uint256 internal constant ELEMENT_BYTES = 4;

    function tensor(Claim calldata claim, uint256 operand) internal pure returns (Claims.Tensor memory loaded) {
        loaded = Claims.tensor(claim, operand);
        Claims.requireDtype(loaded, DataTypes.FLOAT);
    }

    function tensorIn(
        Claim calldata claim,
        uint256 operand,
        uint8 layout
    ) internal pure returns (Claims.Tensor memory loaded) {
        loaded = tensor(claim, operand);
        if (loaded.header.layout != layout) revert Claims.Claims_WrongLayout(operand, loaded.header.layout);
    }

    /// @notice One number for each channel of the output.
    function ofChannel(
        Claim calldata claim,
        Claims.Reading memory reading,
        uint256 operand,
        uint256 channel
    ) internal pure returns (F32) {
        Claims.Tensor memory each = tensor(claim, operand);
        if (each.header.rank != 1 || each.count != reading.output.header.dims[1]) revert Claims.Claims_WrongShape();
        return F32.wrap(uint32(Claims.read(reading, each, channel)));
    }

    /// @notice One of `count` numbers.
    function ofPlace(
        Claim calldata claim,
        Claims.Reading memory reading,
        uint256 operand,
        uint256 count,
        uint256 place
    ) internal pure returns (F32) {
        Claims.Tensor memory each = tensor(claim, operand);
        if (each.count != count) revert Claims.Claims_WrongShape();
        return F32.wrap(uint32(Claims.read(reading, each, place)));
    }

    /// @notice Opens the leaves of a row-major tensor that `count` elements lie in, and gives back their bits.
    function run(
        Claims.Reading memory reading,
        Claims.Tensor memory from,
        uint256 first,
        uint256 count
    ) internal pure returns (uint256[] memory numbers) {
        numbers = new uint256[](count);
        uint256 perLeaf = from.header.chunkElems;
        uint256 done;
        while (done < count) {
            uint256 start = (first + done) % perLeaf;
            uint256 taken = Math.min(count - done, perLeaf - start);
            uint256 needed = ELEMENT_BYTES * (start + taken);
            uint256 data = Claims.leaf(reading, from.operand, (first + done) / perLeaf, needed);
            FloatRuns.copy(data + ELEMENT_BYTES * start, numbers, done, done + taken);
            done += taken;
        }
    }

    /// @notice Opens the row of operand 0 and the column of operand 1 that meet in the element.
    function rowAndColumn(
        Claim calldata claim,
        Claims.Reading memory reading
    ) internal pure returns (uint256 inA, uint256 inB, uint256 length) {
        Claims.Tensor memory a = tensorIn(claim, 0, TensorLayout.ROWS);
        Claims.Tensor memory b = tensorIn(claim, 1, TensorLayout.COLUMNS);
        length = a.along.length;
        (uint256 row, uint256 column) = DotShapes.rowAndColumn(
            a.header,
            b.header,
            reading.output.header,
            claim.element
        );
        if (b.along.length != length) revert Claims.Claims_WrongShape();
        inA = Claims.leaf(reading, 0, row, ELEMENT_BYTES * length);
        inB = Claims.leaf(reading, 1, column, ELEMENT_BYTES * length);
    }

    /// @notice What a matrix product adds to its sum, operand 2 at the strided index, if it is there.
    function addend(
        Claim calldata claim,
        Claims.Reading memory reading
    ) internal pure returns (bool isThere, F32 number) {
        TensorHeader memory output = reading.output.header;
        isThere = !Claims.isAbsent(claim, 2);
        uint256 axes = isThere ? output.rank : 0;
        Claims.requireAttributes(claim, 2 + axes);
        int64[] memory strides = abi.decode(claim.node.attributes, (int64[]));
        if (strides.length != axes) revert Claims.Claims_WrongAttributes();
        if (!isThere) return (false, number);
        int256 at = MultiIndex.strided(output, claim.element, 0, strides);
        number = F32.wrap(uint32(Claims.readSigned(reading, tensor(claim, 2), at)));
    }

    /// @notice The convolution that the attributes say, and where in the output the element is.
    function convolutionOf(
        Claim calldata claim,
        Claims.Reading memory reading
    ) internal pure returns (DotShapes.Convolution memory given, uint256[8] memory index) {
        given = abi.decode(claim.node.attributes, (DotShapes.Convolution));
        Claims.requireAttributes(claim, 10 + 4 * given.kernel.length);
        index = MultiIndex.unravel(reading.output.header, claim.element);
    }

    /// @notice Opens the filter, operand 1, then the pixels of operand 0 that it covers, in the order of the window: of the
    /// places of the kernel that the steps name.
    function patchAndFilter(
        Claim calldata claim,
        Claims.Reading memory reading,
        DotShapes.Convolution memory convolution,
        uint256[8] memory index,
        Steps memory steps
    ) internal pure returns (Patch memory patch) {
        Claims.Tensor memory x = tensorIn(claim, 0, TensorLayout.PIXELS);
        Claims.Tensor memory w = tensorIn(claim, 1, TensorLayout.FILTERS);
        uint256 first = DotShapes.firstChannel(convolution, x.header, w.header, reading.output.header, index[1]);
        (uint256[] memory inImage, uint256[] memory inKernel) = Windows.places(
            DotShapes.windowOf(convolution),
            x.header,
            reading.output.header,
            index,
            steps
        );
        uint256 channels = w.along.length;
        uint256[] memory pixels = new uint256[](w.along.inner);
        patch.filter = Claims.leaf(reading, 1, index[1], ELEMENT_BYTES * channels * pixels.length);
        uint256 firstPixel = index[0] * x.along.inner;
        for (uint256 i; i < inImage.length; ++i) {
            uint256 pixel = Claims.leaf(reading, 0, firstPixel + inImage[i], ELEMENT_BYTES * (first + channels));
            pixels[inKernel[i]] = pixel + ELEMENT_BYTES * first;
        }
        (patch.pixels, patch.channels) = (pixels, channels);
    }

    /// @notice The places of operand 0 that a pooling window covers, of those of the kernel that the steps name.
    /// @return x operand 0
    /// @return first row-major element that the image and channel begin with
    /// @return places which elements they are, counted from the first
    /// @return taps row-major number in the kernel of each
    function pooled(
        Claim calldata claim,
        Claims.Reading memory reading,
        Windows.Window memory window,
        Steps memory steps
    ) internal pure returns (Claims.Tensor memory x, uint256 first, uint256[] memory places, uint256[] memory taps) {
        x = tensor(claim, 0);
        TensorHeader memory output = reading.output.header;
        uint256[8] memory index = MultiIndex.unravel(output, claim.element);
        (places, taps) = Windows.places(window, x.header, output, index, steps);
        if (x.header.dims[1] != output.dims[1]) revert Claims.Claims_WrongShape();
        first = (index[0] * x.header.dims[1] + index[1]) * Windows.placesOf(x.header);
    }

    /// @notice The elements of operand 0 that a reduction adds up, of those that the steps name: `count` of them from
    /// `first` on, `rows.inner` apart.
    function reduced(
        Claim calldata claim,
        Claims.Reading memory reading,
        Rows memory rows,
        Steps memory steps
    ) internal pure returns (Claims.Tensor memory x, uint256 first, uint256 count) {
        x = tensor(claim, 0);
        (uint256 outer, uint256 length, uint256 inner) = (rows.outer, rows.length, rows.inner);
        if (outer * length * inner != x.count || outer * inner != reading.output.count) {
            revert Claims.Claims_WrongShape();
        }
        (uint256 from, uint256 to) = steps.within(length);
        first = ((claim.element / inner) * length + from) * inner + (claim.element % inner);
        count = to - from;
    }

    /// @notice Opens the element of operand 0 that a normalisation of batches takes, and says of which channel it is.
    function normalized(
        Claim calldata claim,
        Claims.Reading memory reading
    ) internal pure returns (F32 value, uint256 channel) {
        Claims.requireAttributes(claim, 0);
        Claims.Tensor memory x = tensor(claim, 0);
        TensorHeader memory output = reading.output.header;
        Claims.sameShape(x.header, output);
        if (output.rank < 2) revert Claims.Claims_WrongShape();
        value = F32.wrap(uint32(Claims.read(reading, x, claim.element)));
        channel = MultiIndex.unravel(output, claim.element)[1];
    }
}
