// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {F32} from "./SoftFloat32.sol";

/// @title Functions of fixed-point numbers
/// @notice Numbers are integers in units of 2^-96. Errors are proven in `docs/verifiers/FUNCTIONS.md`: below 2^-55,
/// relative for the mantissa of `exp`, absolute for all others.
/// @dev Nothing here can overflow, so all arithmetic is `unchecked`; the widths are noted where they are not obvious.
library FixedFunctions {
    uint256 internal constant BITS = 96;
    int256 internal constant ONE = 1 << 96;

    /// @dev What a finite number at 2^0 is shifted by: 149 - 96.
    uint256 private constant FLOAT_SHIFT = 53;
    int256 private constant LN2 = 0xb17217f7d1cf79abc9e3b398;
    int256 private constant LOG2_E = 0x171547652b82fe1777d0ffda1;
    int256 private constant TWO_BY_ROOT_PI = 0x120dd750429b6d11ae3a914ff;
    int256 private constant ROOT_TWO = 0x16a09e667f3bcc908b2fb1367;
    /// @dev e^-67 is below a unit.
    int256 private constant NO_EXP = 67 << 96;
    /// @dev erf differs from one by less than 2^-55.
    int256 private constant ERF_IS_ONE = 6 << 96;

    /// @notice A float32, cut below the unit; infinities are 2^128.
    function fromFloat(F32 x) internal pure returns (int256 value) {
        (uint256 m, uint256 shift) = x.parts();
        unchecked {
            value = int256(shift < FLOAT_SHIFT ? m >> (FLOAT_SHIFT - shift) : m << (shift - FLOAT_SHIFT));
            if (F32.unwrap(x) >> 31 == 1) value = -value;
        }
    }

    /// @notice e^x = mantissa * 2^exponent, with a mantissa from 0.7 to 1.42. |x| < 2^9.
    /// @dev The Taylor series up to r^15 / 15!, where |r| <= ln 2 / 2.
    function exp(int256 x) internal pure returns (int256 mantissa, int256 exponent) {
        unchecked {
            exponent = (x * LOG2_E + (1 << 191)) >> 192;
            int256 r = x - exponent * LN2;
            mantissa = 0xd73f9f399dc0f9;
            mantissa = 0xc9cba54603e4e90 + ((mantissa * r) >> BITS);
            mantissa = 0xb092309d43684be5 + ((mantissa * r) >> BITS);
            mantissa = 0x8f76c77fc6c4bdaa2 + ((mantissa * r) >> BITS);
            mantissa = 0x6b99159fd5138e3f9d + ((mantissa * r) >> BITS);
            mantissa = 0x49f93edde27d71cbbc0 + ((mantissa * r) >> BITS);
            mantissa = 0x2e3bc74aad8e671f5584 + ((mantissa * r) >> BITS);
            mantissa = 0x1a01a01a01a01a01a01a0 + ((mantissa * r) >> BITS);
            mantissa = 0xd00d00d00d00d00d00d01 + ((mantissa * r) >> BITS);
            mantissa = 0x5b05b05b05b05b05b05b06 + ((mantissa * r) >> BITS);
            mantissa = 0x22222222222222222222222 + ((mantissa * r) >> BITS);
            mantissa = 0xaaaaaaaaaaaaaaaaaaaaaab + ((mantissa * r) >> BITS);
            mantissa = 0x2aaaaaaaaaaaaaaaaaaaaaab + ((mantissa * r) >> BITS);
            mantissa = 0x800000000000000000000000 + ((mantissa * r) >> BITS);
            mantissa = ONE + ((mantissa * r) >> BITS);
            mantissa = ONE + ((mantissa * r) >> BITS);
        }
    }

    /// @notice e^-x for x >= 0.
    function expOfNegative(int256 x) internal pure returns (int256) {
        if (x >= NO_EXP) return 0;
        unchecked {
            (int256 mantissa, int256 exponent) = exp(-x);
            return exponent > 0 ? mantissa << uint256(exponent) : mantissa >> uint256(-exponent);
        }
    }

    /// @notice 1 / (1 + e^-x).
    function sigmoid(int256 x) internal pure returns (int256) {
        unchecked {
            int256 e = expOfNegative(_abs(x));
            return ((x < 0 ? e : ONE) << BITS) / (ONE + e);
        }
    }

    function tanh(int256 x) internal pure returns (int256) {
        unchecked {
            int256 e = expOfNegative(2 * _abs(x));
            int256 magnitude = ((ONE - e) << BITS) / (ONE + e);
            return x < 0 ? -magnitude : magnitude;
        }
    }

    /// @notice 2 / sqrt(pi) e^(-x^2) (x + 2 x^3 / 3 + 4 x^5 / 15 + ...).
    /// @dev No term exceeds e^36, so that their product with 2 x^2 is below 2^251.
    function erf(int256 x) internal pure returns (int256) {
        unchecked {
            int256 z = _abs(x);
            if (z >= ERF_IS_ONE) return x < 0 ? -ONE : ONE;
            int256 square = (z * z) >> BITS;
            int256 sum = z;
            int256 term = z;
            for (int256 odd = 3; term != 0; odd += 2) {
                term = (term * 2 * square) / (odd << BITS);
                sum += term;
            }
            (int256 mantissa, int256 exponent) = exp(-square);
            sum = (sum * mantissa) >> uint256(int256(BITS) - exponent);
            sum = (sum * TWO_BY_ROOT_PI) >> BITS;
            return x < 0 ? -sum : sum;
        }
    }

    /// @notice The natural logarithm of a positive, finite number.
    /// @dev That of m from 0.7 to 1.42 is 2 artanh((m - 1) / (m + 1)).
    function log(F32 x) internal pure returns (int256 sum) {
        (uint256 bits, uint256 shift) = x.parts();
        unchecked {
            int256 exponent = int256(shift) - 149 + int256(BITS);
            int256 m = int256(bits);
            for (; m < ONE; --exponent) m <<= 1;
            if (m > ROOT_TWO) {
                m >>= 1;
                ++exponent;
            }
            int256 t = ((m - ONE) << BITS) / (m + ONE);
            int256 square = (t * t) >> BITS;
            for (int256 odd = 1; t != 0 && t != -1; odd += 2) {
                sum += t / odd;
                t = (t * square) >> BITS;
            }
            sum = 2 * sum + exponent * LN2;
        }
    }

    function _abs(int256 x) private pure returns (int256) {
        unchecked {
            return x < 0 ? -x : x;
        }
    }
}
