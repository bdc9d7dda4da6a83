// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {BASIS_POINTS} from "../types/Limits.sol";

/// @title Shares of an amount
/// @notice Shares add up to the whole to the wei; rounding is at most one wei a share, against whoever collects.
library FeeMath {
    /// @notice Splits `gross` into fee, royalty and the rest.
    /// @dev Both rates are capped at their source far below one whole together.
    function split(
        uint256 gross,
        uint16 feeBps,
        uint16 royaltyBps
    ) internal pure returns (uint256 fee, uint256 royalty, uint256 rest) {
        fee = Math.mulDiv(gross, feeBps, BASIS_POINTS, Math.Rounding.Ceil);
        royalty = Math.min(Math.mulDiv(gross, royaltyBps, BASIS_POINTS, Math.Rounding.Ceil), gross - fee);
        rest = gross - fee - royalty;
    }

    /// @notice A share of `amount`, rounded down.
    function share(uint128 amount, uint16 bps) internal pure returns (uint128) {
        // A share of at most one whole of a uint128 is a uint128.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint128((uint256(amount) * bps) / BASIS_POINTS);
    }
}
