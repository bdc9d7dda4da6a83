// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {F32} from "../disputes/verifiers/SoftFloat32.sol";

/// @title Products of float32 added one after the other
/// @notice The bits that `SoftFloat32` gives term by term, for about half the gas. Specified in
/// `docs/verifiers/SOFTFLOAT32.md`. A term is a word with a number in its upper half and its factor in the lower one.
/// @dev Between its steps a sum stays taken apart. It is m * 2^(unit + ROOM - 300), and 2^23 <= |m| <= 2^24; a product
/// of two numbers with 24 bits each is p * 2^(k - 300), where k is the sum of their exponent fields. In units of
/// 2^(unit - 300) both are integers, which are added without loss and rounded to 24 bits.
///
/// That is so if factors, products to be rounded and sums are normal, fields are below 254, and the product is not too
/// far above the sum. All else is left to `SoftFloat32`.
///
/// Nothing here can overflow, so all arithmetic is `unchecked`; the widths are noted where they are not obvious.
library FloatChain {
    uint256 private constant FRACTION = 0x007fffff;
    uint256 private constant HIDDEN_BIT = 0x00800000;
    uint256 private constant MAGNITUDE = 0x7fffffff;
    uint256 private constant ABOVE_LOWEST = 0x7f000000;
    /// @dev The same in both halves of a term.
    uint256 private constant FRACTIONS = 0x000000000000000000000000007fffff000000000000000000000000007fffff;
    uint256 private constant HIDDEN_BITS = 0x0000000000000000000000000080000000000000000000000000000000800000;
    uint256 private constant MAGNITUDES = 0x0000000000000000000000007fffffff0000000000000000000000007fffffff;
    uint256 private constant FIELDS = 0x0000000000000000000000007f8000000000000000000000000000007f800000;
    uint256 private constant ABOVE_LOWESTS = 0x0000000000000000000000007f0000000000000000000000000000007f000000;
    uint256 private constant ONES = 0x0100000000000000000000000000000001;

    /// @dev Bits below those of a sum in which it is added exactly. A product below them all does not change it.
    uint256 private constant ROOM = 100;
    /// @dev What a normal number's unit is above its field: 150 - ROOM.
    int256 private constant UNIT = 50;
    /// @dev Units of the fields 1 to 253.
    int256 private constant LEAST_UNIT = 51;
    uint256 private constant UNITS = 253;
    /// @dev Products are shifted by less: they stay below 2^198, beside sums of at most 2^124.
    int256 private constant MOST_SHIFT = 151;
    /// @dev Where the leading bit is put to round; so many bits below the 24 from there on are dropped.
    uint256 private constant LEADING = 200;
    uint256 private constant DROPPED = 177;
    int256 private constant HALF = int256(1 << (DROPPED - 1));

    uint256 private constant WORD = 32;
    /// @dev Terms that are not tried again where one is not usual: others like it often follow.
    uint256 private constant PAUSE = 8 * WORD;

    /// @notice `sum`, and the products from `from` to `end`; each is rounded before it is added unless it is `fused`.
    function addProducts(
        uint256[] memory terms,
        uint256 from,
        uint256 end,
        F32 sum,
        bool fused
    ) internal pure returns (F32) {
        unchecked {
            (uint256 at, uint256 last) = (_placeOf(terms, from), _placeOf(terms, end));
            while (at != last) {
                uint256 stop = at + WORD;
                if (_isNormal(sum)) {
                    (at, sum) = _addUsual(at, last, sum, fused);
                    stop = at + (at < stop ? PAUSE : WORD);
                }
                if (stop > last) stop = last;
                for (; at != stop; at += WORD) sum = _addAny(_load(at), sum, fused);
            }
        }
        return sum;
    }

    function _addAny(uint256 term, F32 sum, bool fused) private pure returns (F32) {
        F32 a = F32.wrap(uint32(term >> 128));
        F32 b = F32.wrap(uint32(term));
        if (F32.unwrap(sum) & MAGNITUDE == 0) {
            if (F32.unwrap(sum) == 0 && _isZero(term)) return sum;
            // What begins with a zero is the product, rounded. Zeros are added if the product was one, or became one before.
            F32 product = a.mul(b);
            if (F32.unwrap(product) & MAGNITUDE != 0 || (fused && !_isZero(term))) return product;
            return sum.add(product);
        }
        return fused ? a.fma(b, sum) : sum.add(a.mul(b));
    }

    /// @dev Adds terms to a normal sum, up to the first that it has to leave to `_addAny`.
    function _addUsual(uint256 at, uint256 last, F32 sum, bool fused) private pure returns (uint256, F32) {
        unchecked {
            (int256 m, int256 unit) = _unpack(sum);
            for (; at != last; at += WORD) {
                uint256 term = _load(at);
                if (_areNormal(term) == 0) {
                    // Frequent behind a ReLU
                    if (_isZero(term)) continue;
                    break;
                }
                uint256 product = _product(term);
                int256 k = _exponent(term);
                if (!fused) {
                    (product, k) = _rounded(product, k);
                    if (!_isUsual(k - int256(ROOM))) break;
                }
                int256 shift = k - unit;
                // Of at most 199 bits, or without meaning if the shift is too large. A negative one leaves nothing.
                int256 exact = (m << ROOM) + ((_sign(term) * int256(product)) << uint256(shift));
                uint256 up = _distance(exact);
                if (up == 0) {
                    if (exact == 0) break;
                    // A negative power of two counts as one bit less, here as in the table, and becomes -2^24.
                    up = LEADING - Math.log2(uint256(exact ^ (exact >> 255)));
                }
                int256 next = unit + int256(DROPPED - ROOM) - int256(up);
                if (!_areUsual(shift, next)) break;
                exact <<= up;
                m = (exact + HALF - 1 + ((exact >> DROPPED) & 1)) >> DROPPED;
                unit = next;
            }
            return (at, _pack(m, unit));
        }
    }

    function _unpack(F32 x) private pure returns (int256 m, int256 unit) {
        unchecked {
            uint256 bits = F32.unwrap(x);
            m = int256((bits & FRACTION) | HIDDEN_BIT);
            if (bits > MAGNITUDE) m = -m;
            unit = int256((bits >> 23) & 0xff) + UNIT;
        }
    }

    /// @dev The hidden bit adds one to the field, and 2^24 adds two.
    function _pack(int256 m, int256 unit) private pure returns (F32) {
        unchecked {
            uint256 sign = m < 0 ? 1 << 31 : 0;
            uint256 magnitude = uint256(m < 0 ? -m : m);
            return F32.wrap(uint32(sign | ((uint256(unit - LEAST_UNIT) << 23) + magnitude)));
        }
    }

    /// @dev A product of 47 or 48 bits, rounded to 24, ties to even.
    function _rounded(uint256 product, int256 k) private pure returns (uint256 rounded, int256 next) {
        assembly ("memory-safe") {
            let up := lt(product, 0x800000000000)
            product := shl(up, product)
            rounded := shr(24, add(add(product, FRACTION), and(shr(24, product), 1)))
            next := sub(add(k, 24), up)
        }
    }

    /// @dev How far the leading bit is below `LEADING` if that is 76 to 79: the sum's bit is at 123 as it comes, and from
    /// 121 to 124 behind most additions. Else zero. The table is of the bits from 121 on, -16 to 15.
    function _distance(int256 exact) private pure returns (uint256 up) {
        assembly ("memory-safe") {
            up := byte(add(sar(121, exact), 16), 0x4c4c4c4c4c4c4c4c4d4d4d4d4e4e4f00004f4e4e4d4d4d4d4c4c4c4c4c4c4c4c)
        }
    }

    function _isUsual(int256 unit) private pure returns (bool isIt) {
        assembly ("memory-safe") {
            isIt := lt(sub(unit, LEAST_UNIT), UNITS)
        }
    }

    /// @dev Both, without a jump.
    function _areUsual(int256 shift, int256 unit) private pure returns (bool both) {
        assembly ("memory-safe") {
            both := and(slt(shift, MOST_SHIFT), lt(sub(unit, LEAST_UNIT), UNITS))
        }
    }

    /// @dev As in `SoftFloat32`, a field plus one has bits above the lowest unless it is 0 or 255.
    function _isNormal(F32 x) private pure returns (bool) {
        unchecked {
            return (F32.unwrap(x) + HIDDEN_BIT) & ABOVE_LOWEST != 0;
        }
    }

    // The square of a * 2^128 + b, modulo 2^256, is a * b * 2^129 + b^2.

    /// @dev What the lower half carries on, if it is no normal number, does not reach the fields of the upper half, or
    /// meets a zero as its factor.
    function _areNormal(uint256 term) private pure returns (uint256 both) {
        assembly ("memory-safe") {
            let fields := and(add(term, HIDDEN_BITS), ABOVE_LOWESTS)
            both := shr(128, mul(fields, fields))
        }
    }

    /// @dev One factor is zero and none has field 255, which plus one is 0.
    function _isZero(uint256 term) private pure returns (bool isIt) {
        assembly ("memory-safe") {
            let fields := and(add(term, HIDDEN_BITS), FIELDS)
            let magnitudes := and(term, MAGNITUDES)
            isIt := gt(iszero(shr(128, mul(magnitudes, magnitudes))), iszero(shr(128, mul(fields, fields))))
        }
    }

    function _product(uint256 term) private pure returns (uint256 product) {
        assembly ("memory-safe") {
            let factors := or(and(term, FRACTIONS), HIDDEN_BITS)
            product := shr(129, mul(factors, factors))
        }
    }

    /// @dev Adds the fields in the upper half.
    function _exponent(uint256 term) private pure returns (int256 k) {
        assembly ("memory-safe") {
            k := shr(151, mul(and(term, FIELDS), ONES))
        }
    }

    /// @dev 1 or -1
    function _sign(uint256 term) private pure returns (int256 sign) {
        assembly ("memory-safe") {
            sign := sub(1, and(shr(30, xor(term, shr(128, term))), 2))
        }
    }

    function _placeOf(uint256[] memory terms, uint256 i) private pure returns (uint256 at) {
        assembly ("memory-safe") {
            at := add(add(terms, WORD), shl(5, i))
        }
    }

    function _load(uint256 at) private pure returns (uint256 term) {
        assembly ("memory-safe") {
            term := mload(at)
        }
    }
}
