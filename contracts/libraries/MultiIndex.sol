// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TensorHeader} from "../types/TensorTypes.sol";

/// @title Indices with one coordinate for each axis of a tensor
library MultiIndex {
    /// @notice The coordinates of a row-major element that lies within the tensor.
    function unravel(TensorHeader memory header, uint256 element) internal pure returns (uint256[8] memory index) {
        for (uint256 axis = header.rank; axis > 0;) {
            --axis;
            index[axis] = element % header.dims[axis];
            element /= header.dims[axis];
        }
    }

    /// @notice The row-major element at these coordinates.
    function ravel(TensorHeader memory header, uint256[8] memory index) internal pure returns (uint256 element) {
        // Below the product of the dims, eight factors below 2^32.
        unchecked {
            for (uint256 axis; axis < header.rank; ++axis) element = element * header.dims[axis] + index[axis];
        }
    }

    /// @notice base + Σ strides[axis] * coordinate of `element` along the axis; `strides` has one for each axis.
    function strided(
        TensorHeader memory header,
        uint256 element,
        int64 base,
        int64[] memory strides
    ) internal pure returns (int256 position) {
        position = base;
        for (uint256 axis = header.rank; axis > 0;) {
            --axis;
            // |stride| <= 2^63 and coordinates below 2^32: eight products cannot overflow.
            position += int256(strides[axis]) * int256(element % header.dims[axis]);
            element /= header.dims[axis];
        }
    }
}
