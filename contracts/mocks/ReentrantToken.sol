// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {DevToken} from "./DevToken.sol";

/// @title A token that makes a call of its own choice in the middle of a transfer
/// @notice Shows that nothing is counted twice when a token calls back. The token itself is the caller, so it may hold
/// balances like any account.
contract ReentrantToken is DevToken {
    address private _target;
    bytes private _data;

    constructor() DevToken("Reentrant", "RE") {
        _mint(address(this), 1e24);
    }

    /// @notice What to call in the next transfer, once. What it reverts with, the transfer reverts with.
    function arm(address target, bytes calldata data) external {
        (_target, _data) = (target, data);
    }

    /// @notice Makes a call outside of any transfer, to approve and deposit the token's own tokens.
    function act(address target, bytes calldata data) external {
        Address.functionCall(target, data);
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        address target = _target;
        if (target == address(0) || from == address(0)) return;
        _target = address(0);
        Address.functionCall(target, _data);
    }
}
