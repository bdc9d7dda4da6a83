// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @dev The 32 bits of an IEEE-754 binary32 number: sign, 8 bits of exponent, 23 bits of fraction.
type F32 is uint32;

using SoftFloat32 for F32 global;

/// @title IEEE-754 binary32 arithmetic
/// @notice Rounds to nearest, ties to even; subnormals are kept; every NaN that results is `NAN`. Specified in
/// `docs/verifiers/SOFTFLOAT32.md`.
/// @dev A finite number is taken apart into `sign`, `m` and `k`, and is (-1)^sign * m * 2^(k - 151). Operands have
/// m < 2^24 and 2 <= k <= 255. An operation computes exactly in these integers, or up to a last bit that stands for
/// everything behind it ("sticky"), and leaves the one rounding to `round`.
///
/// Nothing here can overflow, so all arithmetic is `unchecked`; the widths are noted where they are not obvious.
library SoftFloat32 {
    F32 internal constant ZERO = F32.wrap(0);
    F32 internal constant ONE = F32.wrap(0x3f800000);
    F32 internal constant INFINITY = F32.wrap(0x7f800000);
    F32 internal constant NAN = F32.wrap(0x7fc00000);

    uint256 private constant SIGN = 0x80000000;
    uint256 private constant MAGNITUDE = 0x7fffffff;
    uint256 private constant FRACTION = 0x007fffff;
    uint256 private constant HIDDEN_BIT = 0x00800000;
    uint256 private constant INFINITE = 0x7f800000;

    /// @dev What `k` of a finite number does not exceed.
    uint256 private constant MAX_K = 255;
    /// @dev The k of an integer as it stands.
    uint256 private constant ONES_K = 151;

    /// @dev Bits that a sum keeps below its higher operand when the lower one only counts as a sticky bit.
    int256 private constant GUARD_BITS = 6;
    /// @dev From a larger difference of k on, a second operand (24 bits) is below the guard bits of the first.
    int256 private constant MAX_GAP = 24 + GUARD_BITS;
    /// @dev From a smaller one on, a first operand (48 bits, if it is a product) is below those of the second.
    int256 private constant MIN_GAP = -48 - GUARD_BITS;

    error SoftFloat32_NotFinite(F32 x);

    function add(F32 a, F32 b) internal pure returns (F32) {
        (uint256 fieldA, uint256 fieldB) = (_field(a), _field(b));
        unchecked {
            if (_isNormal(fieldA) * _isNormal(fieldB) == 0) return _addAny(a, b);
            return _sum(_sign(a), _significand(a), int256(fieldA + 1), _sign(b), _significand(b), int256(fieldB + 1));
        }
    }

    function sub(F32 a, F32 b) internal pure returns (F32) {
        return add(a, F32.wrap(F32.unwrap(b) ^ uint32(SIGN)));
    }

    function mul(F32 a, F32 b) internal pure returns (F32) {
        (uint256 fieldA, uint256 fieldB) = (_field(a), _field(b));
        unchecked {
            if (_isNormal(fieldA) * _isNormal(fieldB) == 0) return _mulAny(a, b);
            int256 k = int256(fieldA + fieldB) + 2 - int256(ONES_K);
            return round(_sign(a) ^ _sign(b), _significand(a) * _significand(b), k);
        }
    }

    /// @notice a * b + c, rounded once.
    function fma(F32 a, F32 b, F32 c) internal pure returns (F32) {
        (uint256 fieldA, uint256 fieldB, uint256 fieldC) = (_field(a), _field(b), _field(c));
        unchecked {
            if (_isNormal(fieldA) * _isNormal(fieldB) * _isNormal(fieldC) == 0) return _fmaAny(a, b, c);
            uint256 product = _significand(a) * _significand(b);
            int256 k = int256(fieldA + fieldB) + 2 - int256(ONES_K);
            return _sum(_sign(a) ^ _sign(b), product, k, _sign(c), _significand(c), int256(fieldC + 1));
        }
    }

    function div(F32 a, F32 b) internal pure returns (F32) {
        (uint256 ma, uint256 ka) = _unpack(a);
        (uint256 mb, uint256 kb) = _unpack(b);
        if ((ka | kb) > MAX_K || mb == 0) return _divSpecial(a, b);
        unchecked {
            // The quotient has 31 to 78 bits unless it is zero: a sticky bit is below the 24 that count.
            uint256 dividend = ma << 54;
            uint256 quotient = dividend / mb;
            if (quotient * mb != dividend) quotient |= 1;
            return round(_sign(a) ^ _sign(b), quotient, int256(ka + ONES_K - 54) - int256(kb));
        }
    }

    function sqrt(F32 x) internal pure returns (F32) {
        (uint256 m, uint256 k) = _unpack(x);
        if (m == 0) return x;
        if (isNaN(x) || _sign(x) != 0) return NAN;
        if (k > MAX_K) return INFINITY;
        unchecked {
            if (m < HIDDEN_BIT) {
                uint256 missing = 23 - _log2(m);
                m <<= missing;
                k -= missing;
            }
            // The exponent becomes even, the number one of 88 or 89 bits.
            int256 exponent = int256(k) - int256(ONES_K) - 64;
            m <<= 64;
            if (exponent & 1 != 0) {
                m <<= 1;
                exponent -= 1;
            }
            uint256 root = _sqrt(m);
            if (root * root != m) root |= 1;
            return round(0, root, exponent / 2 + int256(ONES_K));
        }
    }

    function neg(F32 x) internal pure returns (F32) {
        return isNaN(x) ? NAN : F32.wrap(F32.unwrap(x) ^ uint32(SIGN));
    }

    function abs(F32 x) internal pure returns (F32) {
        return isNaN(x) ? NAN : F32.wrap(F32.unwrap(x) & uint32(MAGNITUDE));
    }

    /// @notice Zeros of both signs are equal, a NaN equals nothing.
    function eq(F32 a, F32 b) internal pure returns (bool) {
        if (isNaN(a) || isNaN(b)) return false;
        return _ordinal(a) == _ordinal(b);
    }

    function lt(F32 a, F32 b) internal pure returns (bool) {
        if (isNaN(a) || isNaN(b)) return false;
        return _ordinal(a) < _ordinal(b);
    }

    function le(F32 a, F32 b) internal pure returns (bool) {
        if (isNaN(a) || isNaN(b)) return false;
        return _ordinal(a) <= _ordinal(b);
    }

    /// @notice NaN if either is; the second where they are equal, as onnxruntime does on x86. Other processors choose
    /// another of two zeros with different signs: whoever judges a result should compare with `eq`.
    function max(F32 a, F32 b) internal pure returns (F32) {
        if (isNaN(a) || isNaN(b)) return NAN;
        return _ordinal(a) > _ordinal(b) ? a : b;
    }

    /// @notice NaN if either is; the second where they are equal: see `max`.
    function min(F32 a, F32 b) internal pure returns (F32) {
        if (isNaN(a) || isNaN(b)) return NAN;
        return _ordinal(a) < _ordinal(b) ? a : b;
    }

    function isNaN(F32 x) internal pure returns (bool) {
        return (F32.unwrap(x) & MAGNITUDE) > INFINITE;
    }

    function isInf(F32 x) internal pure returns (bool) {
        return (F32.unwrap(x) & MAGNITUDE) == INFINITE;
    }

    function isFinite(F32 x) internal pure returns (bool) {
        return (F32.unwrap(x) & MAGNITUDE) < INFINITE;
    }

    /// @notice The nearest number, ties to even; infinity from 2^128 - 2^103 on.
    function fromUint(uint256 x) internal pure returns (F32) {
        return _fromMagnitude(0, x);
    }

    /// @notice The nearest number, ties to even. Takes int32 and int64 as well, which convert implicitly.
    function fromInt(int256 x) internal pure returns (F32) {
        unchecked {
            return x < 0 ? _fromMagnitude(SIGN, uint256(-x)) : _fromMagnitude(0, uint256(x));
        }
    }

    /// @notice The nearest integer, ties to even. Reverts for infinities and NaN.
    function toIntRne(F32 x) internal pure returns (int256) {
        if (!isFinite(x)) revert SoftFloat32_NotFinite(x);
        (uint256 m, uint256 k) = _unpack(x);
        int256 magnitude = int256(_integral(m, k));
        return _sign(x) == 0 ? magnitude : -magnitude;
    }

    /// @notice The nearest integral number, ties to even, with the sign of `x` also where it is zero.
    function roundHalfEven(F32 x) internal pure returns (F32) {
        if (isNaN(x)) return NAN;
        (uint256 m, uint256 k) = _unpack(x);
        return k < ONES_K ? round(_sign(x), _integral(m, k), int256(ONES_K)) : x;
    }

    /// @notice The magnitude as m * 2^(shift - 149), m < 2^24 and shift <= 253; an infinity as 2^128.
    function parts(F32 x) internal pure returns (uint256 m, uint256 shift) {
        assembly ("memory-safe") {
            let field := and(shr(23, x), 0xff)
            m := or(and(x, FRACTION), shl(23, gt(field, 0)))
            shift := sub(field, gt(field, 0))
        }
    }

    /// @notice The number nearest to m * 2^(k - 151), ties to even, with `sign` (0 or 2^31).
    /// @dev The one rounding that all operations share. m < 2^80. The lowest bit of m may be sticky, that is, stand for
    /// a remainder, if m has more than 25 bits or k <= 0.
    function round(uint256 sign, uint256 m, int256 k) internal pure returns (F32) {
        if (m == 0) return F32.wrap(uint32(sign));
        unchecked {
            uint256 log = _log2(m);
            // One less than the exponent field: the hidden bit adds one, and so does a carry out of the fraction.
            int256 exponent = int256(log) + k - 25;
            if (uint256(exponent) > 253) return _roundExtreme(sign, m, k, exponent);
            // 24 bits that stay and 56 to drop
            m <<= 79 - log;
            uint256 odd = (m >> 56) & 1;
            uint256 rounded = (m + ((1 << 55) - 1) + odd) >> 56;
            return F32.wrap(uint32(sign | ((uint256(exponent) << 23) + rounded)));
        }
    }

    function _sign(F32 x) private pure returns (uint256) {
        return F32.unwrap(x) & SIGN;
    }

    /// @dev The exponent as it is stored.
    function _field(F32 x) private pure returns (uint256 field) {
        assembly ("memory-safe") {
            field := and(shr(23, x), 0xff)
        }
    }

    /// @dev Not zero if the field is neither 0 (zero, subnormal) nor 255 (infinity, NaN). A product of these is a
    /// conjunction without jumps.
    function _isNormal(uint256 field) private pure returns (uint256) {
        unchecked {
            return (field + 1) & 0xfe;
        }
    }

    /// @dev The m of a normal number; its k is its field plus one.
    function _significand(F32 x) private pure returns (uint256 m) {
        assembly ("memory-safe") {
            m := or(and(x, FRACTION), HIDDEN_BIT)
        }
    }

    /// @dev The m and k of any number. Finite ones have k <= MAX_K, infinities and NaN have MAX_K + 1.
    function _unpack(F32 x) private pure returns (uint256 m, uint256 k) {
        assembly ("memory-safe") {
            k := and(shr(23, x), 0xff)
            let isSubnormal := iszero(k)
            m := or(and(x, FRACTION), shl(23, iszero(isSubnormal)))
            k := add(k, add(isSubnormal, 1))
        }
    }

    function _addAny(F32 a, F32 b) private pure returns (F32) {
        (uint256 ma, uint256 ka) = _unpack(a);
        (uint256 mb, uint256 kb) = _unpack(b);
        if ((ka | kb) > MAX_K) return _addSpecial(a, b);
        return _sum(_sign(a), ma, int256(ka), _sign(b), mb, int256(kb));
    }

    function _mulAny(F32 a, F32 b) private pure returns (F32) {
        (uint256 ma, uint256 ka) = _unpack(a);
        (uint256 mb, uint256 kb) = _unpack(b);
        if ((ka | kb) > MAX_K) return _mulSpecial(a, b);
        unchecked {
            return round(_sign(a) ^ _sign(b), ma * mb, int256(ka + kb) - int256(ONES_K));
        }
    }

    function _fmaAny(F32 a, F32 b, F32 c) private pure returns (F32) {
        (uint256 ma, uint256 ka) = _unpack(a);
        (uint256 mb, uint256 kb) = _unpack(b);
        (uint256 mc, uint256 kc) = _unpack(c);
        if ((ka | kb | kc) > MAX_K) return _fmaSpecial(a, b, c);
        // Frequent behind a ReLU
        if ((ma == 0 || mb == 0) && mc != 0) return c;
        unchecked {
            int256 k = int256(ka + kb) - int256(ONES_K);
            return _sum(_sign(a) ^ _sign(b), ma * mb, k, _sign(c), mc, int256(kc));
        }
    }

    /// @dev The rounded sum of two finite numbers, ma < 2^48 and mb < 2^24.
    function _sum(
        uint256 signA,
        uint256 ma,
        int256 ka,
        uint256 signB,
        uint256 mb,
        int256 kb
    ) private pure returns (F32) {
        unchecked {
            int256 gap = ka - kb;
            // gap < MIN_GAP || gap > MAX_GAP
            if (uint256(gap - MIN_GAP) > uint256(MAX_GAP - MIN_GAP)) {
                return gap > 0 ? _sumFar(signA, ma, ka, signB, mb, kb) : _sumFar(signB, mb, kb, signA, ma, ka);
            }
            if (gap > 0) {
                ma <<= uint256(gap);
                ka = kb;
            } else {
                mb <<= uint256(-gap);
            }
            if (signA == signB) return round(signA, ma + mb, ka);
            if (ma > mb) return round(signA, ma - mb, ka);
            if (ma < mb) return round(signB, mb - ma, ka);
            return ZERO;
        }
    }

    /// @dev As `_sum`, where every bit of the second number is below the guard bits of the first.
    function _sumFar(
        uint256 signA,
        uint256 ma,
        int256 ka,
        uint256 signB,
        uint256 mb,
        int256 kb
    ) private pure returns (F32) {
        if (ma == 0) return round(mb == 0 ? signA & signB : signB, mb, kb);
        unchecked {
            ma <<= uint256(GUARD_BITS);
            if (mb != 0) ma = signA == signB ? ma + 1 : ma - 1;
            return round(signA, ma, ka - GUARD_BITS);
        }
    }

    /// @dev As `round`, where the result is infinite, subnormal, zero or the smallest normal number.
    function _roundExtreme(uint256 sign, uint256 m, int256 k, int256 exponent) private pure returns (F32) {
        unchecked {
            if (exponent > 0) return F32.wrap(uint32(sign | INFINITE));
            // In units of 2^-149, for which k is 2; lengthened, so that there are bits to drop in every case.
            uint256 rounded = _shiftRightRne(m << 32, uint256(2 - k + 32));
            return F32.wrap(uint32(sign | rounded));
        }
    }

    /// @dev The root, rounded down. 2^87 <= x < 2^89.
    function _sqrt(uint256 x) private pure returns (uint256 root) {
        assembly ("memory-safe") {
            // Newton's method; relative errors are below 0.42, 0.07, 2.1e-3, 2.2e-6, 2.4e-12 and, after the fifth step,
            // 3e-24, which is less than one in 2^45.
            root := shl(44, 1)
            root := shr(1, add(root, div(x, root)))
            root := shr(1, add(root, div(x, root)))
            root := shr(1, add(root, div(x, root)))
            root := shr(1, add(root, div(x, root)))
            root := shr(1, add(root, div(x, root)))
            root := sub(root, gt(root, div(x, root)))
        }
    }

    /// @dev m / 2^n to the nearest integer, ties to even. n > 0, m < 2^160.
    function _shiftRightRne(uint256 m, uint256 n) private pure returns (uint256) {
        unchecked {
            uint256 odd = (m >> n) & 1;
            // For n > 256 the half is lost, and the result zero all the same.
            return (m + (1 << (n - 1)) - 1 + odd) >> n;
        }
    }

    /// @dev m * 2^(k - ONES_K) to the nearest integer, ties to even.
    function _integral(uint256 m, uint256 k) private pure returns (uint256) {
        unchecked {
            return k < ONES_K ? _shiftRightRne(m, ONES_K - k) : m << (k - ONES_K);
        }
    }

    function _fromMagnitude(uint256 sign, uint256 x) private pure returns (F32) {
        if (x >= 1 << 128) return F32.wrap(uint32(sign | INFINITE));
        if (x < 1 << 79) return round(sign, x, int256(ONES_K));
        uint256 sticky = x & ((1 << 50) - 1) == 0 ? 0 : 1;
        return round(sign, (x >> 50) | sticky, int256(ONES_K + 50));
    }

    /// @dev The position of the highest bit. 0 < x < 2^80.
    function _log2(uint256 x) private pure returns (uint256 r) {
        assembly ("memory-safe") {
            r := mul(gt(x, 0xffffffffff), 40)
            r := add(r, mul(gt(shr(r, x), 0xfffff), 20))
            r := add(r, mul(gt(shr(r, x), 0x3ff), 10))
            r := add(r, mul(gt(shr(r, x), 0x1f), 5))
            // For the last five bits, byte x of the table is the position.
            r := add(r, byte(shr(r, x), 0x0000010102020202030303030303030304040404040404040404040404040404))
        }
    }

    /// @dev Order of all numbers but NaN; both zeros are 0.
    function _ordinal(F32 x) private pure returns (int256) {
        unchecked {
            int256 magnitude = int256(F32.unwrap(x) & MAGNITUDE);
            return (F32.unwrap(x) & SIGN) == 0 ? magnitude : -magnitude;
        }
    }

    // What follows is only reached with an infinity or a NaN among the operands, or a division by zero.

    function _addSpecial(F32 a, F32 b) private pure returns (F32) {
        if (isNaN(a) || isNaN(b)) return NAN;
        if (isFinite(a)) return b;
        if (isFinite(b)) return a;
        return F32.unwrap(a) == F32.unwrap(b) ? a : NAN;
    }

    function _mulSpecial(F32 a, F32 b) private pure returns (F32) {
        if (isNaN(a) || isNaN(b) || _isZero(a) || _isZero(b)) return NAN;
        return _signed(INFINITY, a, b);
    }

    function _fmaSpecial(F32 a, F32 b, F32 c) private pure returns (F32) {
        // A finite product, overflowing or not, does not change an infinity that is added to it.
        return _addSpecial(isFinite(a) && isFinite(b) ? ZERO : _mulSpecial(a, b), c);
    }

    function _divSpecial(F32 a, F32 b) private pure returns (F32) {
        if (isNaN(a) || isNaN(b) || (_isZero(a) && _isZero(b)) || (isInf(a) && isInf(b))) return NAN;
        return _signed(isInf(b) ? ZERO : INFINITY, a, b);
    }

    function _isZero(F32 x) private pure returns (bool) {
        return (F32.unwrap(x) & MAGNITUDE) == 0;
    }

    /// @dev `magnitude` with the sign of a product of `a` and `b`.
    function _signed(F32 magnitude, F32 a, F32 b) private pure returns (F32) {
        return F32.wrap(F32.unwrap(magnitude) | ((F32.unwrap(a) ^ F32.unwrap(b)) & uint32(SIGN)));
    }
}
