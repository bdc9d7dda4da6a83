// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title Stake behind providers and jurors
/// @notice Stake is bonded, then unbonding, then out. Both bonded and unbonding stake can be slashed, and together
/// they always cover what is locked; only bonded stake can back new obligations.
interface IProviderStaking {
    /// @notice Stake was bonded.
    event StakeDeposited(address indexed provider, address indexed from, uint128 amount, uint128 bonded);
    /// @notice Stake started to leave; it can be slashed until it is out.
    event UnbondingRequested(address indexed provider, uint128 amount, uint48 completableAt, uint128 bonded);
    /// @notice Stake left.
    event StakeWithdrawn(address indexed provider, address indexed to, uint128 amount);
    /// @notice An obligation ended badly: `amount` of the lock went to `to`.
    event StakeSlashed(address indexed provider, address indexed to, uint128 amount, uint128 unlocked);

    error ProviderStaking_UnbondingTooShort(uint256 period, uint256 required);
    error ProviderStaking_UnbondingTooLong(uint256 period, uint256 cap);
    error ProviderStaking_ZeroAmount();
    error ProviderStaking_ZeroAddress();
    error ProviderStaking_InsufficientBonded(address provider, uint128 bonded, uint128 requested);
    error ProviderStaking_InsufficientFree(address provider, uint128 free, uint128 requested);
    error ProviderStaking_NothingToWithdraw(address provider, uint48 nextAt);
    error ProviderStaking_StillLocked(address provider, uint128 locked, uint128 remaining);
    error ProviderStaking_SlashAboveLock(uint128 amount, uint128 lockAmount);

    /// @notice The ERC-20 that is staked: a plain one, without fees on transfer.
    // solhint-disable-next-line func-name-mixedcase
    function STAKE_TOKEN() external view returns (IERC20);

    /// @notice Seconds between the request to unbond and the exit.
    // solhint-disable-next-line func-name-mixedcase
    function UNBONDING_PERIOD() external view returns (uint48);

    /// @notice Bonds stake for a provider; anyone may add to anyone's.
    function deposit(address provider, uint128 amount) external;

    /// @notice Bonds stake with an EIP-2612 permit of the caller. A permit that somebody already used does no harm.
    function depositWithPermit(
        address provider,
        uint128 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

    /// @notice Starts to unbond the caller's stake, locked or not: it stays slashable for `UNBONDING_PERIOD`.
    function requestUnbonding(uint128 amount) external;

    /// @notice Pays out all of the caller's stake whose period is over, as long as what stays covers the locks.
    function withdraw(address to) external returns (uint128 amount);

    /// @notice Locks free bonded stake. Only controllers.
    function lock(address provider, uint128 amount) external;

    /// @notice Ends a lock. Only controllers.
    function release(address provider, uint128 amount) external;

    /// @notice Ends a lock and takes up to `amount` of it; never reverts because less is left. Only controllers.
    /// @return slashed What was taken and sent to `to`.
    function slash(address provider, uint128 lockAmount, uint128 amount, address to) external returns (uint128 slashed);

    /// @notice Stake that backs obligations or may.
    function bondedOf(address provider) external view returns (uint128);

    /// @notice Stake on its way out.
    function unbondingOf(address provider) external view returns (uint128);

    /// @notice Stake behind open obligations.
    function lockedOf(address provider) external view returns (uint128);

    /// @notice Bonded stake that backs nothing yet.
    function freeOf(address provider) external view returns (uint128);

    /// @notice Bonded and unbonding stake.
    function slashableOf(address provider) external view returns (uint128);
}
