// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AuditMath} from "../../../contracts/audits/AuditMath.sol";
import {BASIS_POINTS} from "../../../contracts/types/Limits.sol";
import {TestBase} from "../support/TestBase.sol";

/// Stake and rate are the least that make honesty pay: one unit less does not.
contract AuditMathTest is TestBase {
    using AuditMath for AuditMath.Stakes;

    uint256 private constant _ONE = BASIS_POINTS;
    /// @dev Keeps the products of the test's own arithmetic, which multiplies out what the library divides, in a word.
    uint256 private constant _MOST = 1e30;

    function testFuzz_theStakeIsTheLeastThatMakesHonestyPay(
        AuditMath.Stakes memory given,
        uint16 rateBps
    ) external pure {
        _keepInBounds(given);
        rateBps = uint16(bound(rateBps, 0, _ONE));
        (bool possible, uint256 stake) = given.stakeFor(rateBps);
        if (!possible) {
            assertTrue(!_honestyPays(given, rateBps, _MOST), "a stake would have been enough");
            return;
        }
        assertTrue(_honestyPays(given, rateBps, stake), "the stake is too little");
        if (stake > 0) assertTrue(!_honestyPays(given, rateBps, stake - 1), "a smaller stake is enough");
    }

    function testFuzz_theRateIsTheLeastThatMakesHonestyPay(AuditMath.Stakes memory given, uint128 stake) external pure {
        _keepInBounds(given);
        stake = uint128(bound(stake, 0, _MOST));
        (bool possible, uint16 rateBps) = given.rateFor(stake);
        if (!possible) {
            assertTrue(!_honestyPays(given, BASIS_POINTS, stake), "a rate would have been enough");
            return;
        }
        assertTrue(_honestyPays(given, rateBps, stake), "the rate is too low");
        if (rateBps > 0) assertTrue(!_honestyPays(given, rateBps - 1, stake), "a lower rate is enough");
    }

    /// What an honest provider earns is no less than what a cheat does, both times 10,000 cubed.
    function _honestyPays(AuditMath.Stakes memory given, uint16 rateBps, uint256 stake) private pure returns (bool) {
        uint256 q = uint256(rateBps) * given.honestBps;
        uint256 whole = _ONE * _ONE;
        int256 honest =
            _signed(whole * _ONE * given.fee) -
                _signed(whole * _ONE * given.cost) -
                _signed(whole * given.errorBps * stake);
        int256 cheat =
            _signed((whole - q) * _ONE * (uint256(given.fee) + given.gain)) -
                _signed(whole * _ONE * given.cheatCost) -
                _signed(q * (_ONE - given.finderBps) * stake);
        return honest >= cheat;
    }

    function _keepInBounds(AuditMath.Stakes memory given) private pure {
        given.gain = uint128(bound(given.gain, 0, _MOST));
        given.fee = uint128(bound(given.fee, 0, _MOST));
        given.cost = uint128(bound(given.cost, 0, _MOST));
        given.cheatCost = uint128(bound(given.cheatCost, 0, _MOST));
        given.honestBps = uint16(bound(given.honestBps, 0, _ONE));
        given.finderBps = uint16(bound(given.finderBps, 0, _ONE));
        given.errorBps = uint16(bound(given.errorBps, 0, _ONE));
    }

    function _signed(uint256 value) private pure returns (int256) {
        return int256(value);
    }
}
