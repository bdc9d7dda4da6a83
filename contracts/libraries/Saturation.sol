// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DataTypes} from "./DataTypes.sol";
import {F32} from "../disputes/verifiers/SoftFloat32.sol";

/// @title The last step of quantising
library Saturation {
    /// @notice round half to even(x) + zero, brought into the range of an integer type of `size` bytes. A NaN becomes
    /// the lowest value: so onnxruntime has it on x86-64 and on ARM64.
    function quantise(F32 x, int256 zero, uint8 dtype, uint256 size) internal pure returns (uint256 bits) {
        (int256 lowest, int256 highest) = DataTypes.range(dtype, size);
        int256 value;
        if (x.isNaN()) value = lowest;
        else if (x.isInf())
            value = F32.unwrap(x) >> 31 == 0 ? highest : lowest;
            // Below 2^129.
        else value = x.toIntRne() + zero;
        if (value < lowest) value = lowest;
        if (value > highest) value = highest;
        return DataTypes.toBits(value, size);
    }
}
