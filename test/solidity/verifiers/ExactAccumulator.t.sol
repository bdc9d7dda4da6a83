// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Accumulator} from "../../../contracts/disputes/verifiers/ExactAccumulator.sol";
import {F32} from "../../../contracts/disputes/verifiers/SoftFloat32.sol";

contract ExactAccumulatorTest {
    uint256 private constant SIGNS = 0x8000000080000000800000008000000080000000800000008000000080000000;
    uint256 private constant FRACTIONS = 0x007fffff007fffff007fffff007fffff007fffff007fffff007fffff007fffff;

    function testFuzz_eightAtOnceAreEightOneByOne(uint256 a, uint256 b) external pure {
        Accumulator memory together;
        together.addProducts(a, b);
        Accumulator memory single;
        for (uint256 i; i < 8; ++i) single.addProduct(_lane(a, i), _lane(b, i));
        _assertSame(together, single);
    }

    function testFuzz_orderAndSplitDoNotMatter(uint256 a, uint256 b, uint256 c, uint256 d) external pure {
        Accumulator memory whole;
        whole.addProducts(a, b);
        whole.addProducts(c, d);

        Accumulator memory first;
        first.addProducts(d, c);
        Accumulator memory second;
        second.addProducts(b, a);
        first.merge(second);
        _assertSame(whole, first);
    }

    function testFuzz_oppositeProductsFillTheOppositeBins(uint256 a, uint256 b) external pure {
        a &= ~_exponentBits(a);
        b &= ~_exponentBits(b);
        Accumulator memory acc;
        acc.addProducts(a, b);
        Accumulator memory opposite;
        opposite.addProducts(a ^ SIGNS, b);
        for (uint256 i; i < 4; ++i) {
            assert(acc.bins[i] == opposite.bins[i + 4]);
            assert(acc.bins[i + 4] == opposite.bins[i]);
        }
    }

    function testFuzz_whateverTheRowsAnHonestSumIsWithin(uint256 a, uint256 b) external pure {
        Accumulator memory acc;
        acc.addProducts(a, b);
        F32 fused;
        F32 separate;
        for (uint256 i; i < 8; ++i) {
            fused = _lane(a, i).fma(_lane(b, i), fused);
            separate = separate.add(_lane(a, i).mul(_lane(b, i)));
        }
        assert(acc.within(fused, 8));
        assert(acc.within(separate, 8));
    }

    function testFuzz_aSumOffByAThousandthIsNotWithin(uint256 a, uint256 b) external pure {
        // From one half to two, all positive, so that nothing cancels.
        a = (a & (FRACTIONS | _exponentParity())) | _halves();
        b = (b & (FRACTIONS | _exponentParity())) | _halves();
        Accumulator memory acc;
        acc.addProducts(a, b);
        F32 sum;
        for (uint256 i; i < 8; ++i) sum = _lane(a, i).fma(_lane(b, i), sum);
        assert(acc.within(sum, 8));
        assert(!acc.within(sum.mul(F32.wrap(0x3f8020c5)), 8)); // 1.001
        assert(!acc.within(sum.mul(F32.wrap(0x3f7fbe77)), 8)); // 0.999
    }

    function _lane(uint256 word, uint256 i) private pure returns (F32) {
        return F32.wrap(uint32(word >> (32 * i)));
    }

    function _assertSame(Accumulator memory a, Accumulator memory b) private pure {
        assert(keccak256(abi.encode(a)) == keccak256(abi.encode(b)));
    }

    /// @dev The highest bit of every exponent of 255, without which it is finite.
    function _exponentBits(uint256 word) private pure returns (uint256 bits) {
        for (uint256 i; i < 8; ++i) {
            if (!_lane(word, i).isFinite()) bits |= uint256(0x40000000) << (32 * i);
        }
    }

    /// @dev 0.5 in every place
    function _halves() private pure returns (uint256 word) {
        for (uint256 i; i < 8; ++i) word = (word << 32) | 0x3f000000;
    }

    /// @dev The lowest bit of every exponent
    function _exponentParity() private pure returns (uint256 word) {
        for (uint256 i; i < 8; ++i) word = (word << 32) | 0x00800000;
    }
}
