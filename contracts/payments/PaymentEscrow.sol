// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Controlled} from "../access/Controlled.sol";
import {IPaymentEscrow} from "../interfaces/IPaymentEscrow.sol";
import {TokenTransfers} from "../libraries/TokenTransfers.sol";

/// @title Internal ERC-20 balances
contract PaymentEscrow is IPaymentEscrow, Controlled, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using TokenTransfers for IERC20;

    /// @dev One slot.
    struct Account {
        uint128 balance;
        uint64 holds;
    }

    mapping(address token => mapping(address account => Account)) private _accounts;
    /// @inheritdoc IPaymentEscrow
    mapping(address account => bool) public sweepAllowed;

    constructor(address market) Controlled(market) {}

    /// @inheritdoc IPaymentEscrow
    function deposit(address token, address account, uint128 amount) external nonReentrant returns (uint128 credited) {
        return _deposit(token, account, amount);
    }

    /// @inheritdoc IPaymentEscrow
    function depositWithPermit(
        address token,
        address account,
        uint128 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external nonReentrant returns (uint128 credited) {
        IERC20(token).tryPermit(amount, deadline, v, r, s);
        return _deposit(token, account, amount);
    }

    /// @inheritdoc IPaymentEscrow
    function withdraw(address token, address to, uint128 amount) external nonReentrant {
        if (to == address(0)) revert PaymentEscrow_ZeroAddress();
        _withdraw(token, msg.sender, to, amount);
    }

    /// @inheritdoc IPaymentEscrow
    function transfer(address token, address to, uint128 amount) external {
        if (to == address(0)) revert PaymentEscrow_ZeroAddress();

        _debit(token, msg.sender, amount);
        _accounts[token][to].balance += amount;

        emit Transferred(token, msg.sender, to, amount);
    }

    /// @inheritdoc IPaymentEscrow
    function allowSweep(bool allowed) external {
        sweepAllowed[msg.sender] = allowed;

        emit SweepAllowed(msg.sender, allowed);
    }

    /// @inheritdoc IPaymentEscrow
    function sweep(address token, address account) external nonReentrant returns (uint128 amount) {
        if (!sweepAllowed[account]) revert PaymentEscrow_SweepNotAllowed(account);
        amount = _accounts[token][account].balance;
        _withdraw(token, account, account, amount);
    }

    /// @inheritdoc IPaymentEscrow
    /// @dev No event: every controller emits one that carries the amount.
    function hold(address token, address account, uint128 amount) external onlyController returns (uint64 number) {
        Account storage record = _accounts[token][account];
        (uint128 balance, uint64 holds) = (record.balance, record.holds);
        if (balance < amount) revert PaymentEscrow_InsufficientBalance(token, account, balance, amount);

        number = holds + 1;
        (record.balance, record.holds) = (balance - amount, number);
    }

    /// @inheritdoc IPaymentEscrow
    /// @dev No event: every controller emits one that carries the amount.
    function credit(address token, address account, uint128 amount) external onlyController {
        _accounts[token][account].balance += amount;
    }

    /// @inheritdoc IPaymentEscrow
    function balanceOf(address token, address account) external view returns (uint128) {
        return _accounts[token][account].balance;
    }

    function _deposit(address token, address account, uint128 amount) private returns (uint128 credited) {
        if (account == address(0)) revert PaymentEscrow_ZeroAddress();

        // Interaction first: what arrives is only known afterwards. The guard keeps it from being counted twice.
        credited = IERC20(token).pull(amount);
        if (credited == 0) revert PaymentEscrow_NothingReceived(token, amount);
        _accounts[token][account].balance += credited;

        emit Deposited(token, account, msg.sender, credited);
    }

    function _withdraw(address token, address account, address to, uint128 amount) private {
        if (amount == 0) revert PaymentEscrow_ZeroAmount();

        _debit(token, account, amount);

        emit Withdrawn(token, account, to, amount);
        IERC20(token).safeTransfer(to, amount);
    }

    function _debit(address token, address account, uint128 amount) private {
        uint128 balance = _accounts[token][account].balance;
        if (balance < amount) revert PaymentEscrow_InsufficientBalance(token, account, balance, amount);
        unchecked {
            _accounts[token][account].balance = balance - amount;
        }
    }
}
