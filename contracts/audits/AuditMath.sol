// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {BASIS_POINTS} from "../types/Limits.sol";

/// @title When honesty pays
/// @notice An honest provider earns F - c - eS. One that cheats earns F and a gain G at a cost of c', but with chance q
/// is proven wrong: then it gets neither and loses S, of which it may get the finder's share r back. Honesty pays iff
///
///     S * (q * (1 - r) - e) >= (1 - q) * G - q * F + (c - c')
///
/// with q = a * h: the audit rate, times the chance that the auditor is honest and there. Nobody else is counted on.
/// @dev Rates are in basis points, q in their square. Every rounding is against the cheat.
library AuditMath {
    /// @notice The letters of the inequality.
    struct Stakes {
        uint128 gain;
        uint128 fee;
        uint128 cost;
        uint128 cheatCost;
        uint16 honestBps;
        uint16 finderBps;
        /// Chance that an honest provider is slashed.
        uint16 errorBps;
    }

    uint256 private constant _Q = uint256(BASIS_POINTS) * BASIS_POINTS;

    error AuditMath_NoShare(uint16 bps);

    /// @notice The least stake with which honesty pays at an audit rate.
    /// @return possible False if no stake is enough.
    function stakeFor(Stakes memory given, uint16 rateBps) internal pure returns (bool possible, uint256 stake) {
        _requireShares(given);
        _requireShare(rateBps);
        uint256 q = uint256(rateBps) * given.honestBps;
        uint256 temptation = (_Q - q) * given.gain + _Q * given.cost;
        uint256 deterrence = q * given.fee + _Q * given.cheatCost;
        if (temptation <= deterrence) return (true, 0);

        uint256 lost = q * (BASIS_POINTS - given.finderBps);
        uint256 feared = _Q * given.errorBps;
        if (lost <= feared) return (false, 0);
        return (true, Math.mulDiv(temptation - deterrence, BASIS_POINTS, lost - feared, Math.Rounding.Ceil));
    }

    /// @notice The least audit rate with which honesty pays at a stake: the same inequality, solved for a.
    /// @return possible False if not even an audit of every job is enough.
    function rateFor(Stakes memory given, uint128 stake) internal pure returns (bool possible, uint16 rateBps) {
        _requireShares(given);
        // Times BASIS_POINTS: q * (S * (1 - r) + G + F) >= G + c - c' + e * S.
        uint256 temptation = (uint256(given.gain) + given.cost) * BASIS_POINTS + uint256(stake) * given.errorBps;
        uint256 cheatCost = uint256(given.cheatCost) * BASIS_POINTS;
        if (temptation <= cheatCost) return (true, 0);

        uint256 weight =
            uint256(stake) * (BASIS_POINTS - given.finderBps) + (uint256(given.gain) + given.fee) * BASIS_POINTS;
        if (weight == 0 || given.honestBps == 0) return (false, 0);
        uint256 rate = Math.mulDiv(temptation - cheatCost, _Q, weight * given.honestBps, Math.Rounding.Ceil);
        if (rate > BASIS_POINTS) return (false, 0);
        // At most one whole.
        // forge-lint: disable-next-line(unsafe-typecast)
        return (true, uint16(rate));
    }

    function _requireShares(Stakes memory given) private pure {
        _requireShare(given.honestBps);
        _requireShare(given.finderBps);
        _requireShare(given.errorBps);
    }

    function _requireShare(uint16 bps) private pure {
        if (bps > BASIS_POINTS) revert AuditMath_NoShare(bps);
    }
}
