// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {F32, SoftFloat32} from "../../../contracts/disputes/verifiers/SoftFloat32.sol";
import {TestBase} from "../support/TestBase.sol";

/// The one rounding that all operations share, against the definition: no number is nearer, and of two that are as near
/// the even one is taken. Numbers of every length, at every exponent, at every place where the result changes.
contract RoundingTest is TestBase {
    uint256 private constant MOST_BITS = 80;
    int256 private constant LEAST_K = -120;
    /// @dev Up to here whole numbers of 256 bits hold every value: in units of 2^-(151 + UNIT).
    int256 private constant MOST_K = 40;
    int256 private constant OVERFLOWING_K = 260;
    uint256 private constant UNIT = 122;
    uint256 private constant STICKY_BITS = 7;
    int256 private constant FEW = 97;
    uint256 private constant LEAST_STICKY_LENGTH = 26;

    uint256 private constant SIGN = 0x80000000;
    uint256 private constant INFINITE = 0x7f800000;
    uint256 private constant EXPONENT_STEP = 0x00800000;

    // A few cases before all of them: a failure is traced from the beginning, which takes memory for all that came before.
    function test_noNumberIsNearerThanTheOneRoundedTo_upToThirtyBits() external pure {
        _everyLength(1, 30, FEW);
        assertEq(_everyLength(1, 30, 1), 87_993, "numbers");
    }

    function test_noNumberIsNearerThanTheOneRoundedTo_upToFortyThreeBits() external pure {
        _everyLength(31, 43, FEW);
        assertEq(_everyLength(31, 43, 1), 118_404, "numbers");
    }

    function test_noNumberIsNearerThanTheOneRoundedTo_upToFiftySixBits() external pure {
        _everyLength(44, 56, FEW);
        assertEq(_everyLength(44, 56, 1), 122_967, "numbers");
    }

    function test_noNumberIsNearerThanTheOneRoundedTo_upToSixtyEightBits() external pure {
        _everyLength(57, 68, FEW);
        assertEq(_everyLength(57, 68, 1), 117_558, "numbers");
    }

    function test_noNumberIsNearerThanTheOneRoundedTo_upToEightyBits() external pure {
        _everyLength(69, 80, FEW);
        assertEq(_everyLength(69, 80, 1), 121_446, "numbers");
    }

    function test_aLastBitThatStandsForOthersRoundsAsTheyDo() external pure {
        _everySticky(FEW);
        assertEq(_everySticky(1), 45_288, "numbers");
    }

    function test_zerosKeepTheirSign() external pure {
        for (int256 k = LEAST_K; k <= OVERFLOWING_K; ++k) {
            assertEq(_bits(SoftFloat32.round(0, 0, k)), 0, "zero");
            assertEq(_bits(SoftFloat32.round(SIGN, 0, k)), SIGN, "minus zero");
        }
    }

    function _everyLength(uint256 from, uint256 to, int256 step) private pure returns (uint256 tried) {
        for (uint256 length = from; length <= to; ++length) {
            for (int256 k = LEAST_K; k <= OVERFLOWING_K; k += step) {
                uint256 dropped = _dropped(length, k);
                uint256 count = _countOf(length, dropped);
                for (uint256 i; i < count; ++i) {
                    uint256 m = _number(length, dropped, i);
                    if (k <= MOST_K) _requireNearest(m, k, SoftFloat32.round(0, m, k));
                    else _requireTwice(m, k);
                    _requireSigned(m, k);
                }
                tried += count;
            }
        }
    }

    function _everySticky(int256 step) private pure returns (uint256 tried) {
        for (uint256 length = LEAST_STICKY_LENGTH; length + STICKY_BITS <= MOST_BITS; ++length) {
            for (int256 k = LEAST_K + int256(STICKY_BITS); k <= MOST_K; k += step) {
                uint256 dropped = _dropped(length, k);
                uint256 count = _countOf(length, dropped);
                for (uint256 i; i < count; ++i) {
                    uint256 m = _number(length, dropped, i);
                    if (m & 1 == 1) continue;
                    _requireStandsFor(m, k);
                    ++tried;
                }
            }
        }
    }

    /// @dev How many of the bits of a number do not fit: a result has 24, and none below 2^-149.
    function _dropped(uint256 length, int256 k) private pure returns (uint256 dropped) {
        dropped = length > 24 ? length - 24 : 0;
        if (k < 2 && uint256(2 - k) > dropped) dropped = uint256(2 - k);
    }

    function _countOf(uint256 length, uint256 dropped) private pure returns (uint256) {
        return dropped == 0 || dropped >= length ? 3 : 30;
    }

    /// @dev Numbers of so many bits around those half-way between two results: five times what is kept, six times what
    /// is dropped. Without memory, which a loop of so many would fill.
    function _number(uint256 length, uint256 dropped, uint256 i) private pure returns (uint256 number) {
        (uint256 least, uint256 most) = (1 << (length - 1), (1 << length) - 1);
        if (_countOf(length, dropped) == 3)
            return
                i == 0
                    ? least
                    : i == 1
                        ? most
                        : least + (most - least) / 2;
        uint256 ulp = 1 << dropped;
        number = ((_kept(i / 6, least, most, ulp) >> dropped) << dropped) + (_rest(i % 6, ulp / 2) & (ulp - 1));
        if (number < least) return least;
        if (number > most) return most;
    }

    function _kept(uint256 i, uint256 least, uint256 most, uint256 ulp) private pure returns (uint256) {
        if (i == 0) return least;
        if (i == 1) return least + ulp;
        if (i == 2) return most;
        return i == 3 ? most - ulp : least + (most - least) / 3;
    }

    function _rest(uint256 i, uint256 half) private pure returns (uint256) {
        if (i < 2) return i;
        return i < 5 ? half + i - 3 : 2 * half - 1;
    }

    /// @dev An even number with its last bit set is rounded as one that is a little, or almost two, above it.
    function _requireStandsFor(uint256 m, int256 k) private pure {
        F32 rounded = SoftFloat32.round(0, m | 1, k);
        uint256 longer = m << STICKY_BITS;
        int256 lower = k - int256(STICKY_BITS);
        _requireNearest(longer + 1, lower, rounded);
        _requireNearest(longer + (2 << STICKY_BITS) - 1, lower, rounded);
    }

    function _requireNearest(uint256 m, int256 k, F32 rounded) private pure {
        uint256 bits = _bits(rounded);
        uint256 twice = 2 * (m << uint256(k + int256(UNIT)));
        (uint256 value, uint256 above) = (_valueOf(bits), _valueOf(bits + 1));
        bool isEven = bits & 1 == 0;
        bool isNearest = isEven ? twice <= value + above : twice < value + above;
        if (bits != 0) {
            uint256 below = _valueOf(bits - 1);
            isNearest = isNearest && (isEven ? twice >= value + below : twice > value + below);
        }
        assertTrue(isNearest, "not the nearest");
    }

    /// @dev The same with one less in the exponent, whose result is normal there.
    function _requireTwice(uint256 m, int256 k) private pure {
        uint256 once = _bits(SoftFloat32.round(0, m, k - 1));
        uint256 twice = once + EXPONENT_STEP;
        assertTrue(once >= EXPONENT_STEP, "subnormal");
        assertEq(_bits(SoftFloat32.round(0, m, k)), twice < INFINITE ? twice : INFINITE, "twice");
    }

    function _requireSigned(uint256 m, int256 k) private pure {
        assertEq(_bits(SoftFloat32.round(SIGN, m, k)), SIGN + _bits(SoftFloat32.round(0, m, k)), "sign");
    }

    /// @dev Of a finite number that is not negative.
    function _valueOf(uint256 bits) private pure returns (uint256) {
        (uint256 field, uint256 fraction) = (bits >> 23, bits & 0x007fffff);
        return field == 0 ? fraction << (UNIT + 2) : (fraction + EXPONENT_STEP) << (field + UNIT + 1);
    }

    function _bits(F32 x) private pure returns (uint256) {
        return F32.unwrap(x);
    }
}
