// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FeeMath} from "../../../contracts/libraries/FeeMath.sol";
import {BASIS_POINTS, MAX_PROTOCOL_FEE_BPS, MAX_ROYALTY_BPS} from "../../../contracts/types/Limits.sol";
import {TestBase} from "../support/TestBase.sol";

contract FeeMathTest is TestBase {
    function testFuzz_sharesAddUpToTheWhole(uint128 gross, uint16 feeBps, uint16 royaltyBps) external pure {
        feeBps = uint16(bound(feeBps, 0, BASIS_POINTS));
        royaltyBps = uint16(bound(royaltyBps, 0, BASIS_POINTS));
        (uint256 fee, uint256 royalty, uint256 rest) = FeeMath.split(gross, feeBps, royaltyBps);
        assertEq(fee + royalty + rest, gross, "parts");
    }

    function testFuzz_feeAndRoyaltyAreRoundedUpByLessThanOneWei(
        uint128 gross,
        uint16 feeBps,
        uint16 royaltyBps
    ) external pure {
        feeBps = uint16(bound(feeBps, 0, MAX_PROTOCOL_FEE_BPS));
        royaltyBps = uint16(bound(royaltyBps, 0, MAX_ROYALTY_BPS));
        (uint256 fee, uint256 royalty, uint256 rest) = FeeMath.split(gross, feeBps, royaltyBps);
        _assertRoundedUp(fee, uint256(gross) * feeBps);
        // One wei cannot be given to two.
        if (rest > 0 || royaltyBps == 0) _assertRoundedUp(royalty, uint256(gross) * royaltyBps);
    }

    function testFuzz_atTheCapsTheProviderKeepsThreeQuartersUpToTwoWei(uint128 gross) external pure {
        (, , uint256 rest) = FeeMath.split(gross, MAX_PROTOCOL_FEE_BPS, MAX_ROYALTY_BPS);
        assertLe((uint256(gross) * 75) / 100, rest + 2, "least rest");
        assertLe(rest, (uint256(gross) * 75) / 100 + 1, "most rest");
    }

    function testFuzz_higherRatesNeverLeaveMore(uint128 gross, uint16 feeBps, uint16 royaltyBps) external pure {
        feeBps = uint16(bound(feeBps, 0, MAX_PROTOCOL_FEE_BPS - 1));
        royaltyBps = uint16(bound(royaltyBps, 0, MAX_ROYALTY_BPS - 1));
        (, , uint256 rest) = FeeMath.split(gross, feeBps, royaltyBps);
        (, , uint256 afterFee) = FeeMath.split(gross, feeBps + 1, royaltyBps);
        (, , uint256 afterRoyalty) = FeeMath.split(gross, feeBps, royaltyBps + 1);
        assertLe(afterFee, rest, "after a higher fee");
        assertLe(afterRoyalty, rest, "after a higher royalty");
    }

    function test_everySmallAmountAtRatesUpToTheCaps() external pure {
        for (uint256 gross = 0; gross <= 1000; ++gross) {
            for (uint16 feeBps = 0; feeBps <= MAX_PROTOCOL_FEE_BPS; feeBps += 50) {
                for (uint16 royaltyBps = 0; royaltyBps <= MAX_ROYALTY_BPS; royaltyBps += 125) {
                    assert(_isRight(gross, feeBps, royaltyBps));
                }
            }
        }
    }

    function testFuzz_aShareIsRoundedDownByLessThanOneWei(uint128 amount, uint16 bps) external pure {
        bps = uint16(bound(bps, 0, BASIS_POINTS));
        uint256 scaled = uint256(FeeMath.share(amount, bps)) * BASIS_POINTS;
        uint256 exact = uint256(amount) * bps;
        assertLe(scaled, exact, "rounded down");
        assertLe(exact - scaled, BASIS_POINTS - 1, "by less than one wei");
    }

    function _assertRoundedUp(uint256 part, uint256 exact) private pure {
        assertLe(exact, part * BASIS_POINTS, "rounded up");
        assertLe(part * BASIS_POINTS - exact, BASIS_POINTS - 1, "by less than one wei");
    }

    /// The least whole parts that are not below their shares, of which the royalty gets no more than is left.
    function _isRight(uint256 gross, uint16 feeBps, uint16 royaltyBps) private pure returns (bool) {
        (uint256 fee, uint256 royalty, uint256 rest) = FeeMath.split(gross, feeBps, royaltyBps);
        uint256 due = _leastAbove(gross * royaltyBps);
        uint256 left = gross - fee;
        return
            fee == _leastAbove(gross * feeBps) && royalty == (due < left ? due : left) && fee + royalty + rest == gross;
    }

    function _leastAbove(uint256 scaled) private pure returns (uint256 whole) {
        while (whole * BASIS_POINTS < scaled) ++whole;
    }
}
