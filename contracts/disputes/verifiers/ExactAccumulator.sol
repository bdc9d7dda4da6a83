// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {F32, SoftFloat32} from "./SoftFloat32.sol";

/// @dev Sums of products, in units of 2^-298. Bin i holds a multiple of 2^(128 i): bins 0 to 3 the sum of the positive
/// products, bins 4 to 7 the magnitude of the sum of the negative ones. `special` says which products were not finite.
struct Accumulator {
    uint256[8] bins;
    uint256 special;
}

/// @dev What rounding may have done to a result.
struct Rounding {
    /// Most roundings that a product takes part in.
    uint256 count;
    /// Most results of which the result is a sum and that may have been rounded to a subnormal number, each times what
    /// the claimed result is multiplied by before it is compared.
    uint256 underflows;
    /// What the sum was divided by.
    F32 divisor;
}

using ExactAccumulator for Accumulator global;

/// @title The check of a binary32 dot product that holds for every order of summation
/// @notice Adds up products without any rounding, then compares a claimed result with what rounding may have done to it.
/// Proofs are in `docs/verifiers/SOFTFLOAT32.md`.
/// @dev Range: a finite number is m * 2^(j - 149) with m < 2^24 and 0 <= j <= 253, so a product is
/// (ma * mb) * 2^(ja + jb - 298) with ma * mb < 2^48 and 0 <= ja + jb <= 506. It is added to bin (ja + jb) / 128, shifted by
/// (ja + jb) % 128, so it is below 2^175: no bin overflows before 2^81 products, and no carry is ever needed.
///
/// Bound: let S be the exact sum of n products, M that of their magnitudes, u = 2^-24. Whatever the order, with
/// multiply-add fused or not, each product takes part in at most n roundings to nearest, each a factor of 1 + d with
/// |d| <= u, and at most once is its result subnormal, which adds at most 2^-150. (A sum that is subnormal is exact.) So an
/// honest y has |y - S| <= (n u M + n 2^-150) / (1 - n u), that is, |y - S| (2^24 - n) <= n (M + 2^-126). Both sides are
/// integers in the units used here, and compared as such: no rounding on chain. In general, with r roundings, e
/// underflows and a divisor d: |y d - S| (2^24 - r) <= r M + e 2^-126.
library ExactAccumulator {
    uint256 private constant NAN = 1;
    uint256 private constant POSITIVE_INFINITY = 2;
    uint256 private constant NEGATIVE_INFINITY = 4;

    /// @dev 1 / u: gamma_n is defined for smaller n.
    uint256 private constant MAX_TERMS = 1 << 24;

    // Masks for eight numbers in a word
    uint256 private constant SIGNS = 0x8000000080000000800000008000000080000000800000008000000080000000;
    uint256 private constant EXPONENTS = 0x7f8000007f8000007f8000007f8000007f8000007f8000007f8000007f800000;
    uint256 private constant FRACTIONS = 0x007fffff007fffff007fffff007fffff007fffff007fffff007fffff007fffff;
    uint256 private constant HIDDEN_BITS = 0x0080000000800000008000000080000000800000008000000080000000800000;
    uint256 private constant BIN_ADDRESSES = 0x0000006000000060000000600000006000000060000000600000006000000060;

    error ExactAccumulator_TooManyTerms(uint256 n);

    /// @notice Adds a * b.
    function addProduct(Accumulator memory acc, F32 a, F32 b) internal pure {
        addProducts(acc, F32.unwrap(a), F32.unwrap(b));
    }

    /// @notice Adds eight products, of the numbers at the same places in `a` and `b`.
    /// @dev What can be done for eight numbers at once is: no field of 32 bits overflows into the next.
    function addProducts(Accumulator memory acc, uint256 a, uint256 b) internal pure {
        unchecked {
            uint256 exponentsA = a & EXPONENTS;
            uint256 exponentsB = b & EXPONENTS;
            if (((exponentsA + HIDDEN_BITS) | (exponentsB + HIDDEN_BITS)) & SIGNS != 0) {
                (a, b) = _withoutSpecials(acc, a, b);
                exponentsA = a & EXPONENTS;
                exponentsB = b & EXPONENTS;
            }
            // A number that is not subnormal has the hidden bit, and an exponent that counts from one.
            uint256 hiddenA = ((exponentsA + EXPONENTS) & SIGNS) >> 8;
            uint256 hiddenB = ((exponentsB + EXPONENTS) & SIGNS) >> 8;
            uint256 shifts = (exponentsA - hiddenA + exponentsB - hiddenB) >> 23;
            // 32 * (shift / 128), and 128 more for a negative product
            uint256 addresses = ((shifts >> 2) & BIN_ADDRESSES) | (((a ^ b) & SIGNS) >> 24);
            _addToBins(acc.bins, addresses, shifts, (a & FRACTIONS) | hiddenA, (b & FRACTIONS) | hiddenB);
        }
    }

    /// @notice Adds all that `other` holds: a long sum may be split, in any way.
    function merge(Accumulator memory acc, Accumulator memory other) internal pure {
        for (uint256 i; i < 8; ++i) acc.bins[i] += other.bins[i];
        acc.special |= other.special;
    }

    /// @notice Whether `y` can be what someone honest got for the sum of these products, of which there are `n`. False is
    /// proof that it cannot. Zeros that only fill up words do not count; a bias does, as a product with one.
    function within(Accumulator memory acc, F32 y, uint256 n) internal pure returns (bool) {
        return within(acc, y, Rounding(n, n, SoftFloat32.ONE));
    }

    /// @notice As above, where the roundings are counted otherwise, or the sum was divided.
    function within(Accumulator memory acc, F32 y, Rounding memory rounding) internal pure returns (bool) {
        uint256 n = rounding.count;
        if (n >= MAX_TERMS) revert ExactAccumulator_TooManyTerms(n);
        if (acc.special != 0 || !y.isFinite()) return _withinSpecial(acc, y, rounding);

        (uint256 bin, int256 value) = _place(y, rounding.divisor);
        int256[4] memory upper;
        int256[4] memory lower;
        unchecked {
            // Below 2^224, as nothing in a bin can be as much as 2^199.
            for (uint256 i; i < 4; ++i) {
                int256 difference = int256(acc.bins[i]) - int256(acc.bins[i + 4]);
                uint256 bound = n * (acc.bins[i] + acc.bins[i + 4]);
                if (i == bin) difference -= value;
                // 2^-126 is 2^172 units.
                if (i == 1) bound += rounding.underflows << 44;
                int256 scaled = int256(MAX_TERMS - n) * difference;
                upper[i] = int256(bound) - scaled;
                lower[i] = int256(bound) + scaled;
            }
        }
        return _isNonNegative(upper) && _isNonNegative(lower);
    }

    /// @dev The same for each of the eight numbers; unrolled, which saves a fifth of what a product costs.
    function _addToBins(uint256[8] memory bins, uint256 addresses, uint256 shifts, uint256 a, uint256 b) private pure {
        assembly ("memory-safe") {
            let bin := add(bins, and(addresses, 0xe0))
            let product := mul(and(a, 0xffffff), and(b, 0xffffff))
            mstore(bin, add(mload(bin), shl(and(shifts, 0x7f), product)))
            bin := add(bins, and(shr(32, addresses), 0xe0))
            product := mul(and(shr(32, a), 0xffffff), and(shr(32, b), 0xffffff))
            mstore(bin, add(mload(bin), shl(and(shr(32, shifts), 0x7f), product)))
            bin := add(bins, and(shr(64, addresses), 0xe0))
            product := mul(and(shr(64, a), 0xffffff), and(shr(64, b), 0xffffff))
            mstore(bin, add(mload(bin), shl(and(shr(64, shifts), 0x7f), product)))
            bin := add(bins, and(shr(96, addresses), 0xe0))
            product := mul(and(shr(96, a), 0xffffff), and(shr(96, b), 0xffffff))
            mstore(bin, add(mload(bin), shl(and(shr(96, shifts), 0x7f), product)))
            bin := add(bins, and(shr(128, addresses), 0xe0))
            product := mul(and(shr(128, a), 0xffffff), and(shr(128, b), 0xffffff))
            mstore(bin, add(mload(bin), shl(and(shr(128, shifts), 0x7f), product)))
            bin := add(bins, and(shr(160, addresses), 0xe0))
            product := mul(and(shr(160, a), 0xffffff), and(shr(160, b), 0xffffff))
            mstore(bin, add(mload(bin), shl(and(shr(160, shifts), 0x7f), product)))
            bin := add(bins, and(shr(192, addresses), 0xe0))
            product := mul(and(shr(192, a), 0xffffff), and(shr(192, b), 0xffffff))
            mstore(bin, add(mload(bin), shl(and(shr(192, shifts), 0x7f), product)))
            bin := add(bins, and(shr(224, addresses), 0xe0))
            product := mul(and(shr(224, a), 0xffffff), and(shr(224, b), 0xffffff))
            mstore(bin, add(mload(bin), shl(and(shr(224, shifts), 0x7f), product)))
        }
    }

    /// @dev Notes every product of which a factor is infinite or NaN, and returns the others.
    function _withoutSpecials(
        Accumulator memory acc,
        uint256 a,
        uint256 b
    ) private pure returns (uint256 finiteA, uint256 finiteB) {
        for (uint256 i; i < 256; i += 32) {
            F32 x = F32.wrap(uint32(a >> i));
            F32 y = F32.wrap(uint32(b >> i));
            if (x.isFinite() && y.isFinite()) {
                finiteA |= uint256(F32.unwrap(x)) << i;
                finiteB |= uint256(F32.unwrap(y)) << i;
            } else {
                acc.special |= _specialBit(x, y);
            }
        }
    }

    /// @dev What a product is of which a factor is not finite.
    function _specialBit(F32 x, F32 y) private pure returns (uint256) {
        unchecked {
            uint32 signs = F32.unwrap(x) ^ F32.unwrap(y);
            // Without its sign, a zero is zero.
            bool isZero = F32.unwrap(x) << 1 == 0 || F32.unwrap(y) << 1 == 0;
            if (isZero || x.isNaN() || y.isNaN()) return NAN;
            return signs >> 31 == 0 ? POSITIVE_INFINITY : NEGATIVE_INFINITY;
        }
    }

    /// @dev As `within`, where a product or the result is not finite.
    function _withinSpecial(Accumulator memory acc, F32 y, Rounding memory rounding) private pure returns (bool) {
        if (y.isFinite()) return false;
        uint256 special = acc.special;
        // If finite products alone may overflow, it is up to the order which infinities meet.
        if (special == 0) return _mayOverflow(acc, rounding);
        if (special != POSITIVE_INFINITY && special != NEGATIVE_INFINITY) return y.isNaN();
        return special == _specialBit(y, SoftFloat32.ONE) || (y.isNaN() && _mayOverflow(acc, rounding));
    }

    /// @dev Whether some partial sum can be rounded to infinity: (M + e 2^-150) / (1 - r u) >= 2^128 - 2^103.
    function _mayOverflow(Accumulator memory acc, Rounding memory rounding) private pure returns (bool) {
        int256[4] memory excess;
        unchecked {
            for (uint256 i; i < 4; ++i) excess[i] = int256((acc.bins[i] + acc.bins[i + 4]) * MAX_TERMS);
            excess[1] += int256(rounding.underflows << 44);
            excess[3] -= int256((MAX_TERMS - rounding.count) * ((1 << 42) - (1 << 17)));
        }
        return _isNonNegative(excess);
    }

    /// @dev The product of two finite numbers: its bin, and what to add to that.
    function _place(F32 x, F32 factor) private pure returns (uint256 bin, int256 value) {
        (uint256 m, uint256 shift) = x.parts();
        (uint256 mOfFactor, uint256 shiftOfFactor) = factor.parts();
        unchecked {
            shift += shiftOfFactor;
            bin = shift / 128;
            value = int256((m * mOfFactor) << (shift % 128));
            if ((F32.unwrap(x) ^ F32.unwrap(factor)) >> 31 == 1) value = -value;
        }
    }

    /// @dev Whether bins[0] + bins[1] * 2^128 + bins[2] * 2^256 + bins[3] * 2^384 >= 0.
    function _isNonNegative(int256[4] memory bins) private pure returns (bool) {
        // An arithmetic shift rounds down: what it leaves behind is not negative and less than one of the next bin.
        int256 carry = bins[0] >> 128;
        carry = (bins[1] + carry) >> 128;
        carry = (bins[2] + carry) >> 128;
        return bins[3] + carry >= 0;
    }
}
