// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DevToken} from "./DevToken.sol";

/// @title A token whose issuer can freeze accounts
/// @notice Shows that a payee who cannot be paid harms nobody else.
contract BlocklistToken is DevToken {
    /// @notice Who can neither send nor receive.
    mapping(address account => bool) public blocked;

    error BlocklistToken_Blocked(address account);

    constructor() DevToken("Blocklist", "BLOCK") {}

    /// @notice Freezes or frees an account.
    function setBlocked(address account, bool blocked_) external {
        blocked[account] = blocked_;
    }

    function _update(address from, address to, uint256 value) internal override {
        if (blocked[from]) revert BlocklistToken_Blocked(from);
        if (blocked[to]) revert BlocklistToken_Blocked(to);
        super._update(from, to, value);
    }
}
