// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Controlled} from "../../../contracts/access/Controlled.sol";
import {IProviderStaking} from "../../../contracts/interfaces/IProviderStaking.sol";
import {DevToken} from "../../../contracts/mocks/DevToken.sol";
import {AssayFixture} from "../support/AssayFixture.sol";

contract ProviderStakingTest is AssayFixture {
    address private immutable _PROVIDER = _person("provider");
    address private immutable _SINK = _person("sink");

    function setUp() public {
        vm.warp(1_800_000_000);
        _deployAssay(new DevToken("Stake", "STAKE"), new DevToken("Pay", "PAY"));
    }

    function testFuzz_thePeriodOutlivesEveryJobItMayBack(uint48 period) external {
        uint256 longestJob = 3 days + 7 days + 7 days;
        uint256 cap = 365 days;
        if (period <= longestJob) {
            vm.expectRevert(
                abi.encodeWithSelector(IProviderStaking.ProviderStaking_UnbondingTooShort.selector, period, longestJob)
            );
        } else if (period > cap) {
            vm.expectRevert(
                abi.encodeWithSelector(IProviderStaking.ProviderStaking_UnbondingTooLong.selector, period, cap)
            );
        }
        address deployed = _deploy("ProviderStaking", abi.encode(stakeToken, market, period));
        if (period > longestJob && period <= cap)
            assertEq(IProviderStaking(deployed).UNBONDING_PERIOD(), period, "period");
    }

    function testFuzz_stakeLeavesInItsSecondAndNotOneBefore(uint128 amount, uint128 part) external {
        amount = uint128(bound(amount, 1, 1e36));
        part = uint128(bound(part, 1, amount));
        _stake(_PROVIDER, amount);
        _unbond(part);
        vm.warp(block.timestamp + UNBONDING - 1);
        vm.expectPartialRevert(IProviderStaking.ProviderStaking_NothingToWithdraw.selector);
        vm.prank(_PROVIDER);
        staking.withdraw(_PROVIDER);
        vm.warp(block.timestamp + 1);
        vm.prank(_PROVIDER);
        assertEq(staking.withdraw(_PROVIDER), part, "out");
        assertEq(stakeToken.balanceOf(_PROVIDER), part, "tokens");
        assertEq(staking.slashableOf(_PROVIDER), amount - part, "left");
    }

    function testFuzz_onlyFreeStakeCanBeLocked(uint128 amount, uint128 leaving, uint128 lock) external {
        amount = uint128(bound(amount, 2, 1e36));
        leaving = uint128(bound(leaving, 1, amount - 1));
        lock = uint128(bound(lock, 1, 2e36));
        _stake(_PROVIDER, amount);
        _unbond(leaving);
        uint128 free = amount - leaving;
        if (lock > free) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IProviderStaking.ProviderStaking_InsufficientFree.selector,
                    _PROVIDER,
                    free,
                    lock
                )
            );
        }
        vm.prank(address(market));
        staking.lock(_PROVIDER, lock);
        assertEq(staking.lockedOf(_PROVIDER), lock > free ? 0 : lock, "locked");
        assertEq(staking.freeOf(_PROVIDER), lock > free ? free : free - lock, "free");
    }

    function testFuzz_stakeUnderALockStaysHoweverOldItsRequest(uint128 amount, uint128 lock, uint48 wait) external {
        amount = uint128(bound(amount, 1, 1e36));
        lock = uint128(bound(lock, 1, amount));
        _stake(_PROVIDER, amount);
        vm.prank(address(market));
        staking.lock(_PROVIDER, lock);
        _unbond(amount);
        vm.warp(block.timestamp + bound(wait, UNBONDING, 3650 days));
        vm.expectRevert(
            abi.encodeWithSelector(IProviderStaking.ProviderStaking_StillLocked.selector, _PROVIDER, lock, 0)
        );
        vm.prank(_PROVIDER);
        staking.withdraw(_PROVIDER);
        vm.prank(address(market));
        staking.release(_PROVIDER, lock);
        vm.prank(_PROVIDER);
        assertEq(staking.withdraw(_PROVIDER), amount, "after the release");
    }

    /// Bonded first, then leaving, and never more than there is, whatever the lock was.
    function testFuzz_aSlashTakesWhatThereIsAndNeverReverts(
        uint128 amount,
        uint128 lock,
        uint128 leaving,
        uint128 slash
    ) external {
        amount = uint128(bound(amount, 1, 1e36));
        lock = uint128(bound(lock, 1, amount));
        leaving = uint128(bound(leaving, 1, amount));
        slash = uint128(bound(slash, 0, lock));
        _stake(_PROVIDER, amount);
        vm.prank(address(market));
        staking.lock(_PROVIDER, lock);
        _unbond(leaving);
        vm.prank(address(disputes));
        uint256 taken = staking.slash(_PROVIDER, lock, slash, _SINK);

        uint256 bonded = amount - leaving;
        assertEq(taken, slash, "taken");
        assertEq(stakeToken.balanceOf(_SINK), slash, "to the sink");
        assertEq(staking.bondedOf(_PROVIDER), slash < bonded ? bonded - slash : 0, "bonded first");
        assertEq(staking.slashableOf(_PROVIDER), amount - slash, "left");
        assertEq(staking.lockedOf(_PROVIDER), 0, "unlocked");
    }

    function testFuzz_aSlashAboveItsLockIsRefused(uint128 lock, uint128 excess) external {
        lock = uint128(bound(lock, 1, 1e36));
        uint128 slash = lock + uint128(bound(excess, 1, 1e36));
        _stake(_PROVIDER, 3e36);
        vm.prank(address(market));
        staking.lock(_PROVIDER, lock);
        vm.expectRevert(abi.encodeWithSelector(IProviderStaking.ProviderStaking_SlashAboveLock.selector, slash, lock));
        vm.prank(address(disputes));
        staking.slash(_PROVIDER, lock, slash, _SINK);
    }

    function testFuzz_onlyControllersLockReleaseAndSlash(address caller) external {
        if (Controlled(address(staking)).isController(caller)) return;
        _stake(_PROVIDER, 10);
        bytes memory refusal = abi.encodeWithSelector(Controlled.Controlled_NotController.selector, caller);
        vm.expectRevert(refusal);
        vm.prank(caller);
        staking.lock(_PROVIDER, 1);
        vm.expectRevert(refusal);
        vm.prank(caller);
        staking.release(_PROVIDER, 0);
        vm.expectRevert(refusal);
        vm.prank(caller);
        staking.slash(_PROVIDER, 0, 0, caller);
    }

    function _unbond(uint128 amount) private {
        vm.prank(_PROVIDER);
        staking.requestUnbonding(amount);
    }
}
