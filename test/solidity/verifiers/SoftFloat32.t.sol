// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {F32, SoftFloat32} from "../../../contracts/disputes/verifiers/SoftFloat32.sol";

/// Laws that rounded arithmetic keeps. `b` and `c` are bent towards `a`, so that sums do not just return an operand.
contract SoftFloat32Test {
    F32 private constant ONE = SoftFloat32.ONE;
    F32 private constant ZERO = SoftFloat32.ZERO;
    F32 private constant NEGATIVE_ZERO = F32.wrap(0x80000000);

    function testFuzz_additionCommutes(F32 a, F32 b) external pure {
        b = _near(a, b);
        _assertSame(a.add(b), b.add(a));
    }

    function testFuzz_multiplicationCommutes(F32 a, F32 b) external pure {
        _assertSame(a.mul(b), b.mul(a));
        _assertSame(a.fma(b, a), b.fma(a, a));
    }

    function testFuzz_subtractingIsAddingTheOpposite(F32 a, F32 b) external pure {
        b = _near(a, b);
        _assertSame(a.sub(b), a.add(b.neg()));
    }

    function testFuzz_aNumberMinusItselfIsPositiveZero(F32 a) external pure {
        _assertSame(a.sub(a), a.isFinite() ? ZERO : SoftFloat32.NAN);
    }

    function testFuzz_negatedFactorsNegateTheProduct(F32 a, F32 b) external pure {
        _assertSame(a.neg().mul(b), a.mul(b).neg());
        _assertSame(a.neg().mul(b.neg()), a.mul(b));
        _assertSame(a.neg().div(b), a.div(b).neg());
    }

    function testFuzz_negatedOperandsNegateTheSum(F32 a, F32 b) external pure {
        b = _near(a, b);
        F32 sum = a.add(b);
        F32 opposite = a.neg().add(b.neg());
        // Where a sum cancels, both are positive zeros.
        if (_isZero(sum)) assert(_isZero(opposite));
        else _assertSame(opposite, sum.neg());
    }

    function testFuzz_fusedWithZeroIsTheProductUpToTheSignOfZero(F32 a, F32 b) external pure {
        F32 product = a.mul(b);
        _assertSameUpToZero(a.fma(b, ZERO), product);
        _assertSameUpToZero(a.fma(b, NEGATIVE_ZERO), product);
    }

    function testFuzz_fusedWithOneIsTheSum(F32 a, F32 b) external pure {
        b = _near(a, b);
        _assertSame(a.fma(ONE, b), a.add(b));
    }

    function testFuzz_fusedIsTheSumOfAnExactProduct(F32 a, F32 b, F32 c) external pure {
        // Products of twelve bits each need no rounding.
        a = _shortNearOne(a);
        b = _shortNearOne(b);
        c = _near(a.mul(b), c);
        _assertSame(a.fma(b, c), a.mul(b).add(c));
    }

    function testFuzz_whatAProductLosesFusedArithmeticFinds(F32 a, F32 b) external pure {
        a = _nearOne(a);
        b = _nearOne(b);
        F32 product = a.mul(b);
        F32 rest = a.fma(b, product.neg());
        // The rest is less than half a unit in the last place, so adding it changes nothing.
        _assertSame(product.add(rest), product);
        _assertSame(a.fma(b, rest.neg()), product);
    }

    function testFuzz_oneIsNeutral(F32 a) external pure {
        F32 same = a.isNaN() ? SoftFloat32.NAN : a;
        _assertSame(a.mul(ONE), same);
        _assertSame(a.div(ONE), same);
        _assertSame(a.add(NEGATIVE_ZERO), same);
    }

    function testFuzz_aDifferenceOfCloseNumbersIsExact(F32 a, uint32 steps) external pure {
        a = _nearOne(a);
        F32 b = F32.wrap(F32.unwrap(a) + (steps % 0x400000));
        _assertSame(b.sub(a).add(a), b);
    }

    function testFuzz_theRootOfASquareIsTheMagnitude(F32 a) external pure {
        a = _nearOne(a);
        _assertSame(a.mul(a).sqrt(), a.abs());
    }

    function testFuzz_aQuotientTimesItsDivisorIsNear(F32 a, F32 b) external pure {
        a = _nearOne(a);
        b = _nearOne(b);
        F32 rest = a.div(b).fma(b, a.neg());
        // Half a unit in the last place of the quotient, times the divisor, is at most 2^-24 of the dividend.
        assert(rest.abs().le(a.abs().mul(F32.wrap(0x33800000))));
    }

    function testFuzz_addingKeepsOrder(F32 a, F32 b, F32 c) external pure {
        b = _near(a, b);
        c = _near(a, c);
        if (b.lt(a)) (a, b) = (b, a);
        F32 left = a.add(c);
        F32 right = b.add(c);
        if (a.isNaN() || b.isNaN() || left.isNaN() || right.isNaN()) return;
        assert(left.le(right));
    }

    function testFuzz_roundingKeepsOrder(uint80 m, uint80 n, int16 k) external pure {
        if (n < m) (m, n) = (n, m);
        assert(SoftFloat32.round(0, m, k).le(SoftFloat32.round(0, n, k)));
        assert(SoftFloat32.round(0, m, k).le(SoftFloat32.round(0, m, int256(k) + 1)));
    }

    function testFuzz_numbersAreRoundedToThemselves(F32 a) external pure {
        if (!a.isFinite()) return;
        uint256 bits = F32.unwrap(a);
        uint256 field = (bits >> 23) & 0xff;
        uint256 m = (bits & 0x7fffff) | (field == 0 ? 0 : 0x800000);
        int256 k = field == 0 ? int256(2) : int256(field + 1);
        _assertSame(SoftFloat32.round(bits & 0x80000000, m, k), a);
        // So is the same number with zeros appended.
        _assertSame(SoftFloat32.round(bits & 0x80000000, m << 50, k - 50), a);
    }

    function testFuzz_numbersAreBelowEqualOrAbove(F32 a, F32 b) external pure {
        b = _near(a, b);
        uint256 holding = (a.lt(b) ? 1 : 0) + (a.eq(b) ? 1 : 0) + (b.lt(a) ? 1 : 0);
        assert(holding == (a.isNaN() || b.isNaN() ? 0 : 1));
        assert(a.le(b) == (a.lt(b) || a.eq(b)));
    }

    function testFuzz_theGreaterIsTheOppositeOfTheLesserOpposite(F32 a, F32 b) external pure {
        b = _near(a, b);
        _assertSame(a.max(b), a.neg().min(b.neg()).neg());
        if (!a.isNaN() && !b.isNaN()) assert(a.le(a.max(b)) && b.le(a.max(b)));
    }

    function testFuzz_smallIntegersAreExact(int32 x) external pure {
        int256 small = int256(x) >> 7;
        assert(SoftFloat32.fromInt(small).toIntRne() == small);
    }

    function testFuzz_integersKeepTheirOrderAndSign(int256 x, int256 y) external pure {
        if (y < x) (x, y) = (y, x);
        assert(SoftFloat32.fromInt(x).le(SoftFloat32.fromInt(y)));
        if (x >= 0) _assertSame(SoftFloat32.fromInt(x), SoftFloat32.fromUint(uint256(x)));
        else if (x > type(int256).min) _assertSame(SoftFloat32.fromInt(x), SoftFloat32.fromInt(-x).neg());
    }

    function testFuzz_roundingToIntegersAgrees(F32 a) external pure {
        if (a.isNaN()) return;
        F32 rounded = a.roundHalfEven();
        _assertSame(rounded.roundHalfEven(), rounded);
        if (a.isFinite()) _assertSameUpToZero(SoftFloat32.fromInt(a.toIntRne()), rounded);
        assert(a.isInf() || a.sub(rounded).abs().le(F32.wrap(0x3f000000)));
    }

    function _assertSame(F32 a, F32 b) private pure {
        assert(F32.unwrap(a) == F32.unwrap(b));
    }

    function _assertSameUpToZero(F32 a, F32 b) private pure {
        if (!_isZero(a) || !_isZero(b)) _assertSame(a, b);
    }

    function _isZero(F32 a) private pure returns (bool) {
        return a.eq(ZERO);
    }

    /// @dev Three times in four, `b` with an exponent at most 32 from that of `a`.
    function _near(F32 a, F32 b) private pure returns (F32) {
        uint256 bits = F32.unwrap(b);
        if (bits & 3 == 0) return b;
        uint256 field = (F32.unwrap(a) >> 23) & 0xff;
        uint256 moved = field + ((bits >> 23) & 0x3f);
        field = moved < 32 ? 0 : moved - 32;
        if (field > 254) field = 254;
        return F32.wrap(uint32((bits & 0x807fffff) | (field << 23)));
    }

    /// @dev With a magnitude from 2^-16 to 2^16.
    function _nearOne(F32 a) private pure returns (F32) {
        uint256 bits = F32.unwrap(a);
        return F32.wrap(uint32((bits & 0x807fffff) | ((111 + ((bits >> 23) & 0x1f)) << 23)));
    }

    /// @dev The same with a significand of twelve bits.
    function _shortNearOne(F32 a) private pure returns (F32) {
        return F32.wrap(F32.unwrap(_nearOne(a)) & 0xfffff000);
    }
}
