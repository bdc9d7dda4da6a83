// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Tokens in
/// @dev Callers guard against reentrancy: a token that calls back could otherwise have one transfer counted twice.
library TokenTransfers {
    using SafeERC20 for IERC20;

    /// @notice Pulls `amount` from the caller and returns what arrived.
    function pull(IERC20 token, uint128 amount) internal returns (uint128 received) {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        received = SafeCast.toUint128(token.balanceOf(address(this)) - before);
    }

    /// @notice Uses the caller's permit. A permit that was already used leaves the allowance it gave, so a failure is
    /// ignored here and shows in the transfer that follows, if at all.
    function tryPermit(IERC20 token, uint128 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) internal {
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
    }
}
