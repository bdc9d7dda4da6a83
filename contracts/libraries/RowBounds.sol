// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {Bound, Bounds} from "./Bounds.sol";
import {FixedFunctions} from "../disputes/verifiers/FixedFunctions.sol";
import {F32} from "../disputes/verifiers/SoftFloat32.sol";

/// @title What an honest element of a row may be that is computed from the whole row
/// @notice Softmax and layer normalisation of rows of bits. Proofs are in `docs/verifiers/FUNCTIONS.md`.
library RowBounds {
    /// @notice What is added up of a row, in units of 2^(shift - 225); squares in units of the square of that.
    struct Sums {
        int256 values;
        uint256 magnitudes;
        uint256 squares;
        uint256 shift;
        uint256 epsilon;
    }

    /// @dev Roundings of a softmax besides those that depend on the row: twice the ulps of its functions, and margin.
    uint256 private constant SOFTMAX_ROUNDINGS = 64;
    /// @dev Sixteen times the unit roundoff: subtraction, root, division, two products.
    uint256 private constant NORMALIZATION_BITS = 20;
    /// @dev 1 / u.
    uint256 private constant PRECISION = 1 << 24;
    /// @dev Softmax of what is further below the largest element is below 2^-216.
    int256 private constant NO_SOFTMAX = 150 << 96;
    /// @dev 2^50: no product with a smaller scale overflows.
    uint256 private constant LARGE = 0x58800000;
    uint256 private constant MAGNITUDE = 0x7fffffff;
    int256 private constant INFINITE = 1 << 224;
    int256 private constant LEAST_NORMAL = -126;

    /// @notice Element `place` of the softmax of a row.
    function softmax(uint256[] memory row, uint256 place) internal pure returns (Bound memory) {
        (bool areNumbers, int256[] memory values, int256 largest) = _values(row);
        // Infinity less infinity is no number.
        if (!areNumbers || Bounds.magnitude(largest) == uint256(INFINITE)) return Bounds.anything();
        int256 sum;
        unchecked {
            for (uint256 i; i < values.length; ++i) sum += FixedFunctions.expOfNegative(largest - values[i]);
        }
        int256 below = largest - values[place];
        if (below >= NO_SOFTMAX) return Bounds.around(0, LEAST_NORMAL - 96, 0, LEAST_NORMAL);
        (int256 mantissa, int256 exponent) = FixedFunctions.exp(-below);
        int256 center = (mantissa << FixedFunctions.BITS) / sum;
        uint256 roundings = SOFTMAX_ROUNDINGS + 2 * uint256((below >> FixedFunctions.BITS) + 1) + row.length;
        // An ulp is two roundings.
        Bound memory bound = Bounds.around(center, exponent - int256(FixedFunctions.BITS), 0, LEAST_NORMAL);
        bound.radius += (uint256(center) * roundings) / PRECISION;
        return bound;
    }

    /// @notice Element `place` of (x - mean) / sqrt(variance + epsilon) * scale + bias.
    function normalized(
        uint256[] memory row,
        uint256 place,
        F32 epsilon,
        F32 scale,
        F32 bias
    ) internal pure returns (Bound memory) {
        if (_isLarge(scale) || _isLarge(bias)) return Bounds.anything();
        (bool isFinite, Sums memory sums) = _sumsOf(row, epsilon);
        uint256 n = row.length;
        // Squares that a runtime adds up may overflow.
        if (!isFinite || sums.squares >> (576 - 2 * sums.shift) != 0) return Bounds.anything();
        (uint256 least, uint256 variance) = _variance(sums, n);
        if (least == 0) return Bounds.anything();
        int256 from = int256(n) * _scaled(row[place], sums.shift) - sums.values;
        uint256 deviation = Bounds.magnitude(from);
        uint256 offMean = (sums.magnitudes * (n + 8)) / (PRECISION - (n + 8)) + (n << 14);
        uint256 z = (deviation << 96) / Math.sqrt(variance);
        uint256 most = ((deviation + offMean) << 96) / Math.sqrt(least) + 1;
        most += most >> NORMALIZATION_BITS;
        return _affine(from < 0, z, most - z, scale, bias);
    }

    /// @dev `z`, `error` away at most, times scale plus bias, in units of 2^-149.
    function _affine(
        bool isNegative,
        uint256 z,
        uint256 error_,
        F32 scale,
        F32 bias
    ) private pure returns (Bound memory bound) {
        (uint256 m, uint256 shift) = scale.parts();
        uint256 factor = m << shift;
        uint256 product = Math.mulDiv(z, factor, 1 << 96);
        (m, shift) = bias.parts();
        uint256 added = m << shift;
        if (F32.unwrap(scale) >> 31 == 1) isNegative = !isNegative;
        bound.center = isNegative ? -int256(product) : int256(product);
        bound.center += F32.unwrap(bias) >> 31 == 1 ? -int256(added) : int256(added);
        bound.radius = Math.mulDiv(error_, factor, 1 << 96) + 2 * ((product + added) / PRECISION + (1 << 23));
        bound.exponent = -149;
    }

    /// @dev n^2 (variance + epsilon), and the least that a runtime can have for it; zero where that is less than half.
    function _variance(Sums memory sums, uint256 n) private pure returns (uint256 least, uint256 variance) {
        uint256 total = Bounds.magnitude(sums.values);
        uint256 squares = n * sums.squares;
        variance = squares - total * total + n * n * sums.epsilon;
        uint256 roundings = 3 * n + 9;
        uint256 off = (squares * roundings) / (PRECISION - roundings) + (4 * variance) / PRECISION;
        off += n * n * Bounds.powerOfTwo(324 - 2 * int256(sums.shift));
        if (2 * off < variance) least = variance - off;
    }

    /// @dev The unit is such that the largest element, or the root of epsilon, is about 2^100 of them.
    function _sumsOf(uint256[] memory row, F32 epsilon) private pure returns (bool isFinite, Sums memory sums) {
        uint256 largest;
        assembly ("memory-safe") {
            let end := add(row, shl(5, add(mload(row), 1)))
            for {
                let at := add(row, 32)
            } lt(at, end) {
                at := add(at, 32)
            } {
                let size := and(mload(at), MAGNITUDE)
                if gt(size, largest) {
                    largest := size
                }
            }
        }
        F32 largestNumber = F32.wrap(uint32(largest));
        if (!largestNumber.isFinite()) return (false, sums);
        (uint256 m, uint256 shift) = epsilon.parts();
        (, sums.shift) = largestNumber.parts();
        // At least 63.
        sums.shift = Math.max(sums.shift, (shift + 126) / 2);
        (uint256 up, uint256 down) = (shift + 301, 2 * sums.shift);
        sums.epsilon = up < down ? m >> (down - up) : m << (up - down);
        (sums.values, sums.magnitudes, sums.squares) = _added(row, sums.shift);
        isFinite = true;
    }

    /// @dev As `_scaled`, without jumps.
    function _added(
        uint256[] memory row,
        uint256 shift
    ) private pure returns (int256 values, uint256 magnitudes, uint256 squares) {
        assembly ("memory-safe") {
            let end := add(row, shl(5, add(mload(row), 1)))
            for {
                let at := add(row, 32)
            } lt(at, end) {
                at := add(at, 32)
            } {
                let bits := mload(at)
                let field := and(shr(23, bits), 0xff)
                let size := or(and(bits, 0x007fffff), shl(23, gt(field, 0)))
                let up := add(sub(field, gt(field, 0)), 76)
                // One of the two is shifted out, unless both are the same.
                size := or(shl(sub(up, shift), size), shr(sub(shift, up), size))
                let negative := sub(0, shr(31, bits))
                values := add(values, sub(xor(size, negative), negative))
                magnitudes := add(magnitudes, size)
                squares := add(squares, mul(size, size))
            }
        }
    }

    /// @dev Writes over a row its fixed-point numbers, as `FixedFunctions.fromFloat` has them.
    function _values(
        uint256[] memory row
    ) private pure returns (bool areNumbers, int256[] memory values, int256 largest) {
        largest = -INFINITE;
        uint256 largestSize;
        assembly ("memory-safe") {
            values := row
            let end := add(row, shl(5, add(mload(row), 1)))
            for {
                let at := add(row, 32)
            } lt(at, end) {
                at := add(at, 32)
            } {
                let bits := mload(at)
                let size := and(bits, MAGNITUDE)
                if gt(size, largestSize) {
                    largestSize := size
                }
                let field := shr(23, size)
                size := or(and(bits, 0x007fffff), shl(23, gt(field, 0)))
                field := sub(field, gt(field, 0))
                // One of the two is shifted out, unless both are the same.
                size := or(shl(sub(field, 53), size), shr(sub(53, field), size))
                let negative := sub(0, shr(31, bits))
                size := sub(xor(size, negative), negative)
                mstore(at, size)
                if sgt(size, largest) {
                    largest := size
                }
            }
        }
        areNumbers = !F32.wrap(uint32(largestSize)).isNaN();
    }

    function _scaled(uint256 bits, uint256 shift) private pure returns (int256 value) {
        (uint256 m, uint256 ownShift) = F32.wrap(uint32(bits)).parts();
        unchecked {
            uint256 up = ownShift + 76;
            value = int256(up < shift ? m >> (shift - up) : m << (up - shift));
            if (bits >> 31 == 1) value = -value;
        }
    }

    /// @dev Or infinite, or NaN.
    function _isLarge(F32 x) private pure returns (bool) {
        return F32.unwrap(x) & MAGNITUDE >= LARGE;
    }
}
