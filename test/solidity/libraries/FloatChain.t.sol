// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {F32, SoftFloat32} from "../../../contracts/disputes/verifiers/SoftFloat32.sol";
import {FloatChain} from "../../../contracts/libraries/FloatChain.sol";

/// Chains against one operation after the other. Factors are bent towards the sum as it is, so that sums cancel, tie,
/// overflow, underflow and meet zeros, infinities and numbers that are none.
contract FloatChainTest {
    uint256 private constant LENGTH = 24;
    uint32 private constant SIGN = 0x80000000;
    uint32 private constant ONE = 0x3f800000;

    function testFuzz_aFusedChainIsOneFusedOperationAfterTheOther(F32 start, uint256 seed) external pure {
        _assertChain(start, seed, true);
    }

    function testFuzz_aSeparateChainIsOneProductAndOneSumAfterTheOther(F32 start, uint256 seed) external pure {
        _assertChain(start, seed, false);
    }

    function testFuzz_aChainMayBeCutAnywhere(F32 start, uint256 seed, uint256 cut, bool fused) external pure {
        (uint256[] memory terms, F32[] memory sums) = _chain(start, seed, fused);
        cut %= LENGTH + 1;
        F32 sum = FloatChain.addProducts(terms, 0, cut, start, fused);
        assert(F32.unwrap(sum) == F32.unwrap(cut == 0 ? start : sums[cut - 1]));
        sum = FloatChain.addProducts(terms, cut, LENGTH, sum, fused);
        assert(F32.unwrap(sum) == F32.unwrap(sums[LENGTH - 1]));
    }

    function _assertChain(F32 start, uint256 seed, bool fused) private pure {
        (uint256[] memory terms, F32[] memory sums) = _chain(start, seed, fused);
        F32 sum = FloatChain.addProducts(terms, 0, LENGTH, start, fused);
        assert(F32.unwrap(sum) == F32.unwrap(sums[LENGTH - 1]));
    }

    /// @dev Terms, and the sum behind each of them.
    function _chain(
        F32 sum,
        uint256 seed,
        bool fused
    ) private pure returns (uint256[] memory terms, F32[] memory sums) {
        (terms, sums) = (new uint256[](LENGTH), new F32[](LENGTH));
        for (uint256 i; i < LENGTH; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            (F32 a, F32 b) = _factors(seed, sum);
            terms[i] = (uint256(F32.unwrap(a)) << 128) | F32.unwrap(b);
            sum = fused ? a.fma(b, sum) : sum.add(a.mul(b));
            sums[i] = sum;
        }
    }

    /// @dev Two of three products are about as large as the sum.
    function _factors(uint256 seed, F32 sum) private pure returns (F32, F32) {
        unchecked {
            uint32 bits = F32.unwrap(sum);
            (uint32 x, uint32 y) = (uint32(seed >> 8), uint32(seed >> 40));
            uint32 steps = uint32(seed >> 72) % 9;
            uint32 one = ONE | (x & SIGN);
            uint256 kind = seed % 12;
            // Its opposite, or a neighbour of that
            if (kind == 0) return (F32.wrap(bits ^ SIGN), F32.wrap(ONE));
            if (kind == 1) return (F32.wrap((bits ^ SIGN) + steps - 4), F32.wrap(ONE));
            // Half a unit in its last place, or nearly
            if (kind == 2) return (F32.wrap(bits & 0x7f800000), F32.wrap(one - 0x0c000000 + (steps > 4 ? steps : 0)));
            // Anything, zero, infinity or none
            if (kind == 3) return (F32.wrap(x), F32.wrap(y));
            if (kind == 4) return (F32.wrap(x & SIGN), F32.wrap(steps == 0 ? y : y & 0xbfffffff));
            if (kind == 5) return (F32.wrap(steps == 0 ? y | 0x7f800000 : x), F32.wrap(one));
            // Subnormal factors, or products at both ends of the range
            if (kind == 6) return (F32.wrap(x & 0x80ffffff), F32.wrap(y));
            if (kind == 7) return (F32.wrap(x & 0x9fffffff), F32.wrap((y & 0x807fffff) | (_field(bits) << 22)));
            if (kind == 8) return (F32.wrap(x | 0x60000000), F32.wrap((y & 0x807fffff) | (steps << 27)));
            // Fields close to those of the sum
            uint32 field = (_field(bits) + steps * 4 + 240) % 256;
            return (F32.wrap((x & 0x807fffff) | (field << 23)), F32.wrap((y & 0x807fffff) | ONE));
        }
    }

    function _field(uint32 bits) private pure returns (uint32) {
        return (bits >> 23) & 0xff;
    }
}
