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
    int256 internal constant INFINITE = 1 << 224;
    /// @dev Of a unit: its square is below every number that counts beside 2^-126.
    uint256 private constant LEAST_SHIFT = 63;
    int256 private constant LEAST_NORMAL = -126;

    /// @notice Element `place` of the softmax of a row.
    function softmax(uint256[] memory row, uint256 place) internal pure returns (Bound memory) {
        (bool areNumbers, int256[] memory values, int256 largest) = valuesOf(row);
        // Infinity less infinity is no number.
        if (!areNumbers || Bounds.magnitude(largest) == uint256(INFINITE)) return Bounds.anything();
        int256 sum;
        unchecked {
            for (uint256 i; i < values.length; ++i) sum += FixedFunctions.expOfNegative(largest - values[i]);
        }
        return share(largest - values[place], sum, row.length, 0);
    }

    /// @notice e^-below / sum, for a row of so many elements. `apart`: roundings by which the sum may be off itself.
    function share(int256 below, int256 sum, uint256 length, uint256 apart) internal pure returns (Bound memory) {
        if (below >= NO_SOFTMAX) return Bounds.around(0, LEAST_NORMAL - 96, 0, LEAST_NORMAL);
        (int256 mantissa, int256 exponent) = FixedFunctions.exp(-below);
        int256 center = (mantissa << FixedFunctions.BITS) / sum;
        uint256 roundings = SOFTMAX_ROUNDINGS + 2 * uint256((below >> FixedFunctions.BITS) + 1) + length + apart;
        // An ulp is two roundings.
        Bound memory bound = Bounds.around(center, exponent - int256(FixedFunctions.BITS), 0, LEAST_NORMAL);
        // Of long rows products of errors count too.
        bound.radius += (uint256(center) * roundings) / (apart == 0 ? PRECISION : PRECISION - roundings);
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
        (bool isFinite, uint256 shift) = unitOf(row);
        if (!isFinite) return Bounds.anything();
        Sums memory sums;
        sums.shift = Math.max(shift, unitOfSquare(epsilon));
        sums.epsilon = scaledSquare(epsilon, sums.shift);
        (sums.values, sums.magnitudes, sums.squares) = sumsOf(row, sums.shift);
        return normalized(sums, row.length, 0, F32.wrap(uint32(row[place])), scale, bias);
    }

    /// @notice x less the mean, divided by the deviation, of a row of n elements. `apart`: roundings by which the sums
    /// may be off themselves.
    function normalized(
        Sums memory sums,
        uint256 n,
        uint256 apart,
        F32 x,
        F32 scale,
        F32 bias
    ) internal pure returns (Bound memory) {
        if (_isLarge(scale) || _isLarge(bias)) return Bounds.anything();
        // Squares that a runtime adds up may overflow.
        if (sums.squares >> (576 - 2 * sums.shift) != 0) return Bounds.anything();
        (uint256 least, uint256 variance) = _variance(sums, n, apart);
        if (least == 0) return Bounds.anything();
        int256 from = int256(n) * scaled(x, sums.shift) - sums.values;
        uint256 deviation = Bounds.magnitude(from);
        uint256 roundings = n + 8 + apart;
        uint256 offMean = (sums.magnitudes * roundings) / (PRECISION - roundings) + ((n * (1 + apart)) << 14);
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
    function _variance(
        Sums memory sums,
        uint256 n,
        uint256 apart
    ) private pure returns (uint256 least, uint256 variance) {
        uint256 total = Bounds.magnitude(sums.values);
        uint256 squares = n * sums.squares;
        variance = squares - total * total + n * n * sums.epsilon;
        uint256 roundings = 3 * n + 9 + apart;
        uint256 off = (squares * roundings) / (PRECISION - roundings) + (4 * variance) / PRECISION;
        off += n * n * Bounds.powerOfTwo((apart == 0 ? int256(324) : int256(325)) - 2 * int256(sums.shift));
        if (2 * off < variance) least = variance - off;
    }

    /// @notice The shift of a unit of which the largest element is about 2^100; at least 63.
    function unitOf(uint256[] memory row) internal pure returns (bool isFinite, uint256 shift) {
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
        F32 number = F32.wrap(uint32(largest));
        (, shift) = number.parts();
        (isFinite, shift) = (number.isFinite(), Math.max(shift, LEAST_SHIFT));
    }

    /// @notice The same, of which the root of a square is about 2^100.
    function unitOfSquare(F32 square) internal pure returns (uint256) {
        (, uint256 shift) = square.parts();
        return (shift + 2 * LEAST_SHIFT) / 2;
    }

    /// @notice The magnitude of a square in units of the square of the unit.
    function scaledSquare(F32 square, uint256 shift) internal pure returns (uint256) {
        (uint256 m, uint256 ownShift) = square.parts();
        (uint256 up, uint256 down) = (ownShift + 301, 2 * shift);
        return up < down ? m >> (down - up) : m << (up - down);
    }

    /// @notice Sums of a row's elements, of their magnitudes and of their squares.
    /// @dev As `scaled`, without jumps.
    function sumsOf(
        uint256[] memory row,
        uint256 shift
    ) internal pure returns (int256 values, uint256 magnitudes, uint256 squares) {
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

    /// @notice Writes over a row its fixed-point numbers, as `FixedFunctions.fromFloat` has them.
    function valuesOf(
        uint256[] memory row
    ) internal pure returns (bool areNumbers, int256[] memory values, int256 largest) {
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

    /// @notice A finite number in units of 2^(shift - 225).
    function scaled(F32 x, uint256 shift) internal pure returns (int256 value) {
        (uint256 m, uint256 ownShift) = x.parts();
        unchecked {
            uint256 up = ownShift + 76;
            value = int256(up < shift ? m >> (shift - up) : m << (up - shift));
            if (F32.unwrap(x) >> 31 == 1) value = -value;
        }
    }

    /// @dev Or infinite, or NaN.
    function _isLarge(F32 x) private pure returns (bool) {
        return F32.unwrap(x) & MAGNITUDE >= LARGE;
    }
}
