// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Internal ERC-20 balances
/// @notice Everyone's money in one place: prepaid balances, refunds, earnings, royalties, fees, bonds and rewards are
/// all balances here and leave only when their owner withdraws, so nobody's failing transfer can block anybody else.
/// @dev A deposit credits what arrived, so tokens with a fee on transfer are safe. Rebasing tokens are not supported.
interface IPaymentEscrow {
    /// @notice Tokens came in.
    event Deposited(address indexed token, address indexed account, address indexed from, uint128 amount);
    /// @notice Tokens went out.
    event Withdrawn(address indexed token, address indexed account, address indexed to, uint128 amount);
    /// @notice A balance moved between accounts.
    event Transferred(address indexed token, address indexed from, address indexed to, uint128 amount);
    /// @notice The account lets anyone push its balances to itself, or no longer does.
    event SweepAllowed(address indexed account, bool allowed);

    error PaymentEscrow_ZeroAmount();
    error PaymentEscrow_ZeroAddress();
    error PaymentEscrow_NothingReceived(address token, uint128 amount);
    error PaymentEscrow_InsufficientBalance(address token, address account, uint128 balance, uint128 requested);
    error PaymentEscrow_SweepNotAllowed(address account);

    /// @notice Deposits the caller's tokens for an account.
    /// @return credited What arrived.
    function deposit(address token, address account, uint128 amount) external returns (uint128 credited);

    /// @notice Deposits with an EIP-2612 permit of the caller. A permit that somebody already used does no harm.
    function depositWithPermit(
        address token,
        address account,
        uint128 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (uint128 credited);

    /// @notice Sends part of the caller's balance out.
    function withdraw(address token, address to, uint128 amount) external;

    /// @notice Moves part of the caller's balance to another account.
    function transfer(address token, address to, uint128 amount) external;

    /// @notice Lets anyone, such as a worker without the key, push the caller's balances to the caller.
    function allowSweep(bool allowed) external;

    /// @notice Sends the whole balance of an account that allows it to the account itself.
    function sweep(address token, address account) external returns (uint128 amount);

    /// @notice Takes from a balance into a controller's hands. Only controllers.
    /// @return number How many times money of this account in this token was taken, this time included.
    function hold(address token, address account, uint128 amount) external returns (uint64 number);

    /// @notice Gives what a controller holds to an account. Only controllers.
    function credit(address token, address account, uint128 amount) external;

    /// @notice An account's balance.
    function balanceOf(address token, address account) external view returns (uint128);

    /// @notice Whether anyone may push the account's balances to it.
    function sweepAllowed(address account) external view returns (bool);
}
