// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {StepRanges, Steps} from "./Steps.sol";
import {TensorHeader} from "../types/TensorTypes.sol";

/// @title The places of an image that a pooling or convolution window covers
/// @notice Images are [N, C, ...]; the axes behind the channels are the spatial ones.
library Windows {
    /// @notice Each has one number for each spatial axis.
    struct Window {
        uint32[] kernel;
        uint32[] strides;
        uint32[] dilations;
        uint32[] padsBegin;
    }

    /// @dev A filter's leaf has at most so many bytes.
    uint256 internal constant MAX_KERNEL_PLACES = 1 << 16;

    error Windows_WrongWindow();

    /// @notice The window over `x` that belongs to an element of `output`, in row-major order; what is outside of x is
    /// left out.
    /// @return inImage row-major numbers of the spatial places of x
    /// @return inKernel row-major number in the kernel of each
    function places(
        Window memory window,
        TensorHeader memory x,
        TensorHeader memory output,
        uint256[8] memory index
    ) internal pure returns (uint256[] memory inImage, uint256[] memory inKernel) {
        return places(window, x, output, index, Steps(0, StepRanges.END));
    }

    /// @notice As above, of some places of the kernel.
    function places(
        Window memory window,
        TensorHeader memory x,
        TensorHeader memory output,
        uint256[8] memory index,
        Steps memory steps
    ) internal pure returns (uint256[] memory inImage, uint256[] memory inKernel) {
        (uint256 from, uint256 to) = steps.within(_requireFits(window, x, output));
        inImage = new uint256[](to - from);
        inKernel = new uint256[](to - from);

        uint256 last = window.kernel.length - 1;
        uint256 width = window.kernel[last];
        uint256 imageWidth = x.dims[2 + last];
        uint256 count;
        // Coordinates and strides are below 2^32 and there are at most 2^16 places: nothing can overflow.
        unchecked {
            int256 step = int256(uint256(window.dilations[last]));
            int256 start = _start(window, index, last);
            for (uint256 rowEnd; from < to; from = rowEnd) {
                rowEnd = from - (from % width) + width;
                (bool isInside, uint256 rowStart) = _row(window, x, index, from / width);
                if (!isInside) continue;
                int256 at = start + int256(from % width) * step;
                uint256 end = rowEnd < to ? rowEnd : to;
                for (; from < end; ++from) {
                    if (uint256(at) < imageWidth) {
                        inImage[count] = rowStart + uint256(at);
                        inKernel[count++] = from;
                    }
                    at += step;
                }
            }
        }
        assembly ("memory-safe") {
            mstore(inImage, count)
            mstore(inKernel, count)
        }
    }

    /// @notice Number of spatial places.
    function placesOf(TensorHeader memory image) internal pure returns (uint256 count) {
        count = 1;
        for (uint256 axis = 2; axis < image.rank; ++axis) count *= image.dims[axis];
    }

    /// @dev Where a row of the window, numbered over all but the last spatial axis, begins in x.
    function _row(
        Window memory window,
        TensorHeader memory x,
        uint256[8] memory index,
        uint256 row
    ) private pure returns (bool isInside, uint256 rowStart) {
        unchecked {
            uint256 last = window.kernel.length - 1;
            uint256 step = x.dims[2 + last];
            for (uint256 axis = last; axis > 0;) {
                --axis;
                uint256 dim = x.dims[2 + axis];
                uint256 offset = (row % window.kernel[axis]) * window.dilations[axis];
                row /= window.kernel[axis];
                int256 at = _start(window, index, axis) + int256(offset);
                if (uint256(at) >= dim) return (false, 0);
                rowStart += uint256(at) * step;
                step *= dim;
            }
            return (true, rowStart);
        }
    }

    /// @dev Where the window begins along a spatial axis.
    function _start(Window memory window, uint256[8] memory index, uint256 axis) private pure returns (int256) {
        unchecked {
            return int256(index[2 + axis] * window.strides[axis]) - int256(uint256(window.padsBegin[axis]));
        }
    }

    function _requireFits(
        Window memory window,
        TensorHeader memory x,
        TensorHeader memory output
    ) private pure returns (uint256 size) {
        uint256 axes = window.kernel.length;
        if (
            axes == 0 ||
            x.rank != axes + 2 ||
            output.rank != axes + 2 ||
            window.strides.length != axes ||
            window.dilations.length != axes ||
            window.padsBegin.length != axes ||
            x.dims[0] != output.dims[0]
        ) revert Windows_WrongWindow();
        size = 1;
        for (uint256 axis; axis < axes; ++axis) {
            size *= window.kernel[axis];
            if (size == 0 || size > MAX_KERNEL_PLACES) revert Windows_WrongWindow();
        }
    }
}
