// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20, IERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {DevToken} from "./DevToken.sol";

/// @title A token that says false instead of reverting
/// @notice Shows that ledgers read what a transfer returns.
contract FalseReturnToken is DevToken {
    /// @notice While set, every transfer moves nothing and says so.
    bool public failing;

    constructor() DevToken("False return", "FALSE") {}

    /// @notice Breaks or repairs the token.
    function setFailing(bool failing_) external {
        failing = failing_;
    }

    /// @inheritdoc IERC20
    function transfer(address to, uint256 amount) public override(ERC20) returns (bool) {
        return !failing && super.transfer(to, amount);
    }

    /// @inheritdoc IERC20
    function transferFrom(address from, address to, uint256 amount) public override(ERC20) returns (bool) {
        return !failing && super.transferFrom(from, to, amount);
    }
}
