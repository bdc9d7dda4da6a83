// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {F32} from "../disputes/verifiers/SoftFloat32.sol";

/// @dev Numbers at most `radius` away from `center`, in units of 2^exponent. Both are below 2^226.
struct Bound {
    int256 center;
    uint256 radius;
    int256 exponent;
}

using Bounds for Bound global;

/// @title What an honest result may be
/// @notice An exact value and how far rounding, and functions of stated accuracy, can have brought a result from it.
library Bounds {
    /// @dev Twice the unit roundoff.
    uint256 internal constant ULP_BITS = 23;

    uint256 private constant ANYTHING = type(uint256).max;
    /// @dev Of a finite number, in units of 2^-149.
    int256 private constant FLOAT_EXPONENT = -149;
    /// @dev What is shifted further lies beyond every bound.
    int256 private constant MAX_SHIFT = 226;

    /// @notice Every result stands: honest ones differ too much, or are no numbers.
    function anything() internal pure returns (Bound memory) {
        return Bound(0, ANYTHING, 0);
    }

    /// @notice What is infinite.
    function infinity() internal pure returns (Bound memory) {
        return Bound(1 << 64, 0, 200);
    }

    /// @notice A distance of `ulps` units in the last place, and one of 2^absolute.
    function around(
        int256 center,
        int256 exponent,
        uint256 ulps,
        int256 absolute
    ) internal pure returns (Bound memory bound) {
        bound.center = center;
        bound.exponent = exponent;
        bound.radius = ((magnitude(center) * ulps) >> ULP_BITS) + powerOfTwo(absolute - exponent);
    }

    /// @notice Whether `y` is one of the numbers. An infinity stands if one of them is rounded to it.
    function holds(Bound memory bound, F32 y) internal pure returns (bool) {
        if (bound.radius == ANYTHING) return true;
        if (y.isNaN()) return false;
        (uint256 m, uint256 shift) = y.parts();
        // From 2^128 - 2^103 on numbers are rounded to infinity.
        bool isInfinite = y.isInf();
        if (isInfinite) (m, shift) = ((1 << 25) - 1, 252);
        int256 distance = int256(shift) + FLOAT_EXPONENT - bound.exponent;
        if (distance > MAX_SHIFT && m != 0) return false;
        int256 value = int256(distance < 0 ? m >> uint256(-distance) : m << uint256(distance));
        bool isNegative = F32.unwrap(y) >> 31 == 1;
        int256 center = isNegative ? -bound.center : bound.center;
        // One more than the radius for what the shift cut.
        int256 most = int256(bound.radius) + 1;
        return isInfinite ? center + most > value : magnitude(value - center) <= uint256(most);
    }

    function magnitude(int256 x) internal pure returns (uint256) {
        unchecked {
            return uint256(x < 0 ? -x : x);
        }
    }

    /// @notice Zero if it is less than one.
    function powerOfTwo(int256 exponent) internal pure returns (uint256) {
        return exponent < 0 ? 0 : 1 << uint256(exponent);
    }
}
