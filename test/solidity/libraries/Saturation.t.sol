// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {F32, SoftFloat32} from "../../../contracts/disputes/verifiers/SoftFloat32.sol";
import {DataTypes} from "../../../contracts/libraries/DataTypes.sol";
import {Saturation} from "../../../contracts/libraries/Saturation.sol";
import {TestBase} from "../support/TestBase.sol";

/// Requantising against fractions of whole numbers, which round by division and remainder.
contract SaturationTest is TestBase {
    /// Of quantised models: small ones, those of which half-way cases are exact, and those around one.
    uint32[14] private _multipliers = [
        0x38d1b717, // 0.0001
        0x3a2c59d1,
        0x3b23d70a, // 0.0025
        0x3bc49ba6,
        0x3c23d70a, // 0.01
        0x3d000000, // 2^-5
        0x3e99999a, // 0.3
        0x3ec00000, // 3/8
        0x3f000000, // 1/2
        0x3f7fffff, // below one
        0x3f800000, // one
        0x3f800001, // above one
        0x3fc00000, // 3/2
        0x40200000 // 5/2
    ];

    // A few cases before all of them: a failure is traced from the beginning, which takes memory for all that came before.
    uint256 private constant FEW = 61;

    function test_everyResultOfEightBitsStandsFromItsFirstSumToItsLast() external view {
        // Both ends, and three results in between.
        _everyResult(64);
        assertEq(_everyResult(1), 14 * 6 * 257 * 7, "sums");
    }

    function test_everySumOfTwelveBitsTimesEverySixtyFourth() external pure {
        _everySum(int256(FEW));
        _everySum(1);
    }

    function test_everyNumberOfSixteenBits() external pure {
        _everyNumber(FEW);
        _everyNumber(1);
    }

    function _everyResult(int256 step) private view returns (uint256 tried) {
        for (uint256 i = 0; i < _multipliers.length; ++i) {
            uint32 multiplier = _multipliers[i];
            tried += _aroundBoundaries(multiplier, DataTypes.INT8, -128, step);
            tried += _aroundBoundaries(multiplier, DataTypes.INT8, 0, step);
            tried += _aroundBoundaries(multiplier, DataTypes.INT8, 127, step);
            tried += _aroundBoundaries(multiplier, DataTypes.UINT8, 0, step);
            tried += _aroundBoundaries(multiplier, DataTypes.UINT8, 131, step);
            tried += _aroundBoundaries(multiplier, DataTypes.UINT8, 255, step);
        }
    }

    function _everySum(int256 step) private pure {
        for (uint256 n = 1; n <= 64; ++n) {
            F32 multiplier = SoftFloat32.fromUint(n).div(SoftFloat32.fromUint(64));
            for (int256 sum = -2048; sum < 2048; sum += step) {
                int256 exact = _saturated(_signed(_halfEven(_magnitude(sum) * n, 64), sum < 0) - 3, DataTypes.INT8);
                _assertQuantised(SoftFloat32.fromInt(sum).mul(multiplier), -3, DataTypes.INT8, exact);
            }
        }
    }

    function _everyNumber(uint256 step) private pure {
        for (uint256 upper = 0; upper < 1 << 16; upper += step) {
            F32 x = F32.wrap(uint32(upper << 16));
            _assertQuantised(x, -128, DataTypes.INT8, _ofNumber(F32.unwrap(x), -128, DataTypes.INT8));
            _assertQuantised(x, 0, DataTypes.INT8, _ofNumber(F32.unwrap(x), 0, DataTypes.INT8));
            _assertQuantised(x, 255, DataTypes.UINT8, _ofNumber(F32.unwrap(x), 255, DataTypes.UINT8));
        }
    }

    /// Seven sums around each at which one result gives way to the next, and around those beyond which nothing changes.
    function _aroundBoundaries(
        uint32 multiplier,
        uint8 dtype,
        int256 zero,
        int256 step
    ) private pure returns (uint256 tried) {
        (int256 lowest, int256 highest) = _range(dtype);
        for (int256 value = lowest - 1; value <= highest; value += step) {
            int256 halves = 2 * (value - zero) + 1;
            (uint256 digits, uint256 shift) = _parts(multiplier);
            int256 boundary = _signed(((_magnitude(halves) << shift) / digits) >> 1, halves < 0);
            for (int256 sum = boundary - 3; sum <= boundary + 3; ++sum) {
                F32 product = SoftFloat32.fromInt(sum).mul(F32.wrap(multiplier));
                _assertQuantised(product, zero, dtype, _saturated(_scaled(sum, multiplier) + zero, dtype));
                ++tried;
            }
        }
    }

    /// float32(float32(sum) * multiplier), rounded to the next integer.
    function _scaled(int256 sum, uint32 multiplier) private pure returns (int256) {
        (uint256 digits, uint256 shift) = _parts(multiplier);
        (uint256 rounded, uint256 zeros) = _toFloat(_magnitude(sum));
        (uint256 product, uint256 more) = _toFloat(rounded * digits);
        return _signed(_halfEven(product << (zeros + more), 1 << shift), sum < 0);
    }

    /// The result for a float32 of any kind.
    function _ofNumber(uint32 bits, int256 zero, uint8 dtype) private pure returns (int256) {
        (int256 lowest, int256 highest) = _range(dtype);
        uint256 exponent = (bits >> 23) & 0xff;
        uint256 fraction = bits & 0x7fffff;
        bool negative = bits >> 31 == 1;
        if (exponent == 255 && fraction != 0) return lowest;
        // At least 2^31.
        if (exponent >= 158) return negative ? lowest : highest;
        uint256 digits = exponent == 0 ? fraction : fraction | 0x800000;
        uint256 rounded = _halfEven(digits << (exponent == 0 ? 1 : exponent), 1 << 150);
        return _saturated(_signed(rounded, negative) + zero, dtype);
    }

    /// A normal float32 below 2^23 as digits / 2^shift.
    function _parts(uint32 bits) private pure returns (uint256 digits, uint256 shift) {
        return ((bits & 0x7fffff) | 0x800000, 150 - ((bits >> 23) & 0xff));
    }

    /// The nearest number of 24 digits and zeros behind them.
    function _toFloat(uint256 n) private pure returns (uint256 digits, uint256 zeros) {
        digits = n;
        while (digits >= 1 << 24) {
            ++zeros;
            digits = _halfEven(n, 1 << zeros);
        }
    }

    function _halfEven(uint256 n, uint256 divisor) private pure returns (uint256 quotient) {
        quotient = n / divisor;
        uint256 twice = 2 * (n % divisor);
        if (twice > divisor || (twice == divisor && quotient % 2 == 1)) ++quotient;
    }

    function _saturated(int256 value, uint8 dtype) private pure returns (int256) {
        (int256 lowest, int256 highest) = _range(dtype);
        return
            value < lowest
                ? lowest
                : value > highest
                    ? highest
                    : value;
    }

    function _range(uint8 dtype) private pure returns (int256 lowest, int256 highest) {
        return dtype == DataTypes.INT8 ? (int256(-128), int256(127)) : (int256(0), int256(255));
    }

    function _assertQuantised(F32 x, int256 zero, uint8 dtype, int256 expected) private pure {
        uint256 quantised = Saturation.quantise(x, zero, dtype, 1);
        // Words for a failure take memory, of which hundreds of thousands of cases have none to spare.
        if (quantised != uint256(expected) & 0xff) assertEq(quantised, uint256(expected) & 0xff, "quantised");
    }

    function _magnitude(int256 n) private pure returns (uint256) {
        return uint256(n < 0 ? -n : n);
    }

    function _signed(uint256 n, bool negative) private pure returns (int256) {
        return negative ? -int256(n) : int256(n);
    }
}
