// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Claims} from "./Claims.sol";
import {MultiIndex} from "./MultiIndex.sol";
import {Windows} from "./Windows.sol";
import {TensorHeader} from "../types/TensorTypes.sol";

/// @title Which operands meet in an element of a matrix product or a convolution
/// @notice Reverts where shapes do not go together.
library DotShapes {
    struct Convolution {
        uint32[] kernel;
        uint32[] strides;
        uint32[] dilations;
        uint32[] padsBegin;
        uint32 group;
    }

    /// @notice The leaf of a, a row, and that of b, a column. Leading axes are broadcast as in numpy.
    function rowAndColumn(
        TensorHeader memory a,
        TensorHeader memory b,
        TensorHeader memory output,
        uint256 element
    ) internal pure returns (uint256 row, uint256 column) {
        uint256 rank = output.rank;
        if (a.rank < 2 || b.rank < 2 || rank != (a.rank > b.rank ? a.rank : b.rank)) revert Claims.Claims_WrongShape();
        uint256[8] memory index = MultiIndex.unravel(output, element);
        for (uint256 axis; axis + 2 < rank; ++axis) {
            (uint256 ofA, uint256 dimA) = _leading(a, rank, axis, index[axis]);
            (uint256 ofB, uint256 dimB) = _leading(b, rank, axis, index[axis]);
            uint256 dim = output.dims[axis];
            bool fits = (dimA == dim && (dimB == dim || dimB == 1)) || (dimA == 1 && dimB == dim);
            if (!fits) revert Claims.Claims_WrongShape();
            (row, column) = (row * dimA + ofA, column * dimB + ofB);
        }
        (uint256 rows, uint256 columns) = (output.dims[rank - 2], output.dims[rank - 1]);
        if (a.dims[a.rank - 2] != rows || b.dims[b.rank - 1] != columns) revert Claims.Claims_WrongShape();
        return (row * rows + index[rank - 2], column * columns + index[rank - 1]);
    }

    /// @notice The first channel of x that a filter reads.
    function firstChannel(
        Convolution memory convolution,
        TensorHeader memory x,
        TensorHeader memory w,
        TensorHeader memory output,
        uint256 filter
    ) internal pure returns (uint256) {
        uint256 group = convolution.group;
        bool fits =
            w.rank == convolution.kernel.length + 2 &&
                w.rank == output.rank &&
                w.dims[0] == output.dims[1] &&
                group != 0 &&
                uint256(w.dims[1]) * group == x.dims[1] &&
                w.dims[0] % group == 0;
        for (uint256 axis = 2; fits && axis < w.rank; ++axis) fits = w.dims[axis] == convolution.kernel[axis - 2];
        if (!fits) revert Claims.Claims_WrongShape();
        return (filter / (w.dims[0] / group)) * w.dims[1];
    }

    function windowOf(Convolution memory convolution) internal pure returns (Windows.Window memory window) {
        (window.kernel, window.strides) = (convolution.kernel, convolution.strides);
        (window.dilations, window.padsBegin) = (convolution.dilations, convolution.padsBegin);
    }

    /// @dev Length of one of the output's axes in an operand, which may have fewer axes, and the coordinate there.
    function _leading(
        TensorHeader memory operand,
        uint256 rank,
        uint256 axis,
        uint256 coordinate
    ) private pure returns (uint256 at, uint256 dim) {
        uint256 missing = rank - operand.rank;
        if (axis < missing) return (0, 1);
        dim = operand.dims[axis - missing];
        at = dim == 1 ? 0 : coordinate;
    }
}
