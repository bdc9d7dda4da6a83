// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Controlled} from "../access/Controlled.sol";
import {IProviderStaking} from "../interfaces/IProviderStaking.sol";
import {TokenTransfers} from "../libraries/TokenTransfers.sol";
import {UnbondingQueue} from "../libraries/UnbondingQueue.sol";
import {MAX_CHALLENGE_WINDOW, MAX_JOB_DURATION, MAX_RESOLUTION, MAX_UNBONDING} from "../types/Limits.sol";

/// @title Stake behind providers and jurors
contract ProviderStaking is IProviderStaking, Controlled, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using TokenTransfers for IERC20;
    using UnbondingQueue for UnbondingQueue.Queue;

    /// @dev One slot. `bonded` plus the unbonding queue is never below `locked`.
    struct Account {
        uint128 bonded;
        uint128 locked;
    }

    /// @inheritdoc IProviderStaking
    IERC20 public immutable STAKE_TOKEN;
    /// @inheritdoc IProviderStaking
    uint48 public immutable UNBONDING_PERIOD;

    mapping(address provider => Account) private _accounts;
    mapping(address provider => UnbondingQueue.Queue) private _unbonding;

    constructor(IERC20 stakeToken, address market, uint48 unbondingPeriod) Controlled(market) {
        if (address(stakeToken) == address(0)) revert ProviderStaking_ZeroAddress();
        // Stake that starts to leave right after it backed a job is still here when that job's dispute is over.
        uint256 required = uint256(MAX_JOB_DURATION) + MAX_CHALLENGE_WINDOW + MAX_RESOLUTION;
        if (unbondingPeriod <= required) revert ProviderStaking_UnbondingTooShort(unbondingPeriod, required);
        if (unbondingPeriod > MAX_UNBONDING) revert ProviderStaking_UnbondingTooLong(unbondingPeriod, MAX_UNBONDING);

        STAKE_TOKEN = stakeToken;
        UNBONDING_PERIOD = unbondingPeriod;
    }

    /// @inheritdoc IProviderStaking
    function deposit(address provider, uint128 amount) external nonReentrant {
        _deposit(provider, amount);
    }

    /// @inheritdoc IProviderStaking
    function depositWithPermit(
        address provider,
        uint128 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external nonReentrant {
        STAKE_TOKEN.tryPermit(amount, deadline, v, r, s);
        _deposit(provider, amount);
    }

    /// @inheritdoc IProviderStaking
    /// @dev Locked stake may start to leave: the period outlives every lock, and `withdraw` checks again.
    function requestUnbonding(uint128 amount) external {
        Account storage account = _accounts[msg.sender];
        uint128 bonded = account.bonded;
        if (amount == 0) revert ProviderStaking_ZeroAmount();
        if (bonded < amount) revert ProviderStaking_InsufficientBonded(msg.sender, bonded, amount);

        uint48 completableAt = uint48(block.timestamp) + UNBONDING_PERIOD;
        account.bonded = bonded - amount;
        _unbonding[msg.sender].push(amount, completableAt);

        emit UnbondingRequested(msg.sender, amount, completableAt, bonded - amount);
    }

    /// @inheritdoc IProviderStaking
    function withdraw(address to) external nonReentrant returns (uint128 amount) {
        if (to == address(0)) revert ProviderStaking_ZeroAddress();
        UnbondingQueue.Queue storage queue = _unbonding[msg.sender];

        amount = queue.popDue(uint48(block.timestamp));
        if (amount == 0) revert ProviderStaking_NothingToWithdraw(msg.sender, queue.nextAt());
        uint128 locked = _accounts[msg.sender].locked;
        uint128 remaining = slashableOf(msg.sender);
        // A job that is past its window but not finalised still counts: anyone can finalise it.
        if (remaining < locked) revert ProviderStaking_StillLocked(msg.sender, locked, remaining);

        emit StakeWithdrawn(msg.sender, to, amount);
        STAKE_TOKEN.safeTransfer(to, amount);
    }

    /// @inheritdoc IProviderStaking
    /// @dev No event: the market's and the jury's carry the amount.
    function lock(address provider, uint128 amount) external onlyController {
        Account storage account = _accounts[provider];
        uint128 locked = account.locked;
        uint128 free = _free(account.bonded, locked);
        if (free < amount) revert ProviderStaking_InsufficientFree(provider, free, amount);
        account.locked = locked + amount;
    }

    /// @inheritdoc IProviderStaking
    /// @dev No event: the market's and the jury's carry the amount.
    function release(address provider, uint128 amount) external onlyController {
        _accounts[provider].locked -= amount;
    }

    /// @inheritdoc IProviderStaking
    function slash(
        address provider,
        uint128 lockAmount,
        uint128 amount,
        address to
    ) external nonReentrant onlyController returns (uint128 slashed) {
        if (amount > lockAmount) revert ProviderStaking_SlashAboveLock(amount, lockAmount);

        Account storage account = _accounts[provider];
        account.locked -= lockAmount;
        uint128 fromBonded = uint128(Math.min(account.bonded, amount));
        account.bonded -= fromBonded;
        slashed = fromBonded + _unbonding[provider].take(amount - fromBonded);

        emit StakeSlashed(provider, to, slashed, lockAmount);
        STAKE_TOKEN.safeTransfer(to, slashed);
    }

    /// @inheritdoc IProviderStaking
    function bondedOf(address provider) external view returns (uint128) {
        return _accounts[provider].bonded;
    }

    /// @inheritdoc IProviderStaking
    function unbondingOf(address provider) external view returns (uint128) {
        return _unbonding[provider].total();
    }

    /// @inheritdoc IProviderStaking
    function lockedOf(address provider) external view returns (uint128) {
        return _accounts[provider].locked;
    }

    /// @inheritdoc IProviderStaking
    function freeOf(address provider) external view returns (uint128) {
        return _free(_accounts[provider].bonded, _accounts[provider].locked);
    }

    /// @inheritdoc IProviderStaking
    function slashableOf(address provider) public view returns (uint128) {
        return _accounts[provider].bonded + _unbonding[provider].total();
    }

    function _deposit(address provider, uint128 amount) private {
        if (provider == address(0)) revert ProviderStaking_ZeroAddress();

        uint128 received = STAKE_TOKEN.pull(amount);
        if (received == 0) revert ProviderStaking_ZeroAmount();
        uint128 bonded = _accounts[provider].bonded + received;
        _accounts[provider].bonded = bonded;

        emit StakeDeposited(provider, msg.sender, received, bonded);
    }

    /// @dev Unbonding may take stake from under its locks, hence not a plain difference.
    function _free(uint128 bonded, uint128 locked) private pure returns (uint128) {
        return bonded > locked ? bonded - locked : 0;
    }
}
