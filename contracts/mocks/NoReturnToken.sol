// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title A token whose transfers return nothing, as USDT's do
/// @notice Shows that ledgers do not read a missing return value as a failure. It has no permit either.
contract NoReturnToken {
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    error NoReturnToken_ApproveFromNonZero();

    /// @notice Mints for anyone.
    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    /// @notice Sets an allowance, from or to zero only.
    function approve(address spender, uint256 amount) external {
        if (amount != 0 && allowance[msg.sender][spender] != 0) revert NoReturnToken_ApproveFromNonZero();
        allowance[msg.sender][spender] = amount;
    }

    /// @notice Moves the caller's tokens.
    function transfer(address to, uint256 amount) external {
        _move(msg.sender, to, amount);
    }

    /// @notice Moves tokens the caller may spend.
    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}
