// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DevToken} from "./DevToken.sol";

/// @title A token that burns a share of every transfer
/// @notice Shows that ledgers credit what arrived, not what was sent.
contract FeeOnTransferToken is DevToken {
    uint256 private immutable _FEE_BPS;

    constructor(uint256 feeBps) DevToken("Fee on transfer", "FEE") {
        _FEE_BPS = feeBps;
    }

    function _update(address from, address to, uint256 value) internal override {
        uint256 fee = from == address(0) ? 0 : (value * _FEE_BPS) / 10_000;
        if (fee > 0) super._update(from, address(0), fee);
        super._update(from, to, value - fee);
    }
}
