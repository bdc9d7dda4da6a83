// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Controlled} from "../../../contracts/access/Controlled.sol";
import {IPaymentEscrow} from "../../../contracts/interfaces/IPaymentEscrow.sol";
import {DevToken} from "../../../contracts/mocks/DevToken.sol";
import {FeeOnTransferToken} from "../../../contracts/mocks/FeeOnTransferToken.sol";
import {AssayFixture} from "../support/AssayFixture.sol";

contract PaymentEscrowTest is AssayFixture {
    bytes32 private constant _PERMIT = keccak256(
        "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
    );

    address private immutable _ALICE = _person("alice");
    address private immutable _BOB = _person("bob");

    function setUp() public {
        _deployAssay(new DevToken("Stake", "STAKE"), new DevToken("Pay", "PAY"));
    }

    function testFuzz_aDepositIsCreditedToTheWei(uint128 amount) external {
        amount = uint128(bound(amount, 1, type(uint128).max));
        _prepay(payToken, _ALICE, amount);
        assertEq(_balance(_ALICE), amount, "balance");
        assertEq(payToken.balanceOf(address(escrow)), amount, "tokens");
    }

    function testFuzz_aTokenWithAFeeIsCreditedWithWhatArrived(uint128 amount, uint16 feeBps) external {
        FeeOnTransferToken token = new FeeOnTransferToken(bound(feeBps, 0, 9_999));
        amount = uint128(bound(amount, 1, 1e30));
        _prepay(token, _ALICE, amount);
        assertEq(escrow.balanceOf(address(token), _ALICE), token.balanceOf(address(escrow)), "what arrived");
    }

    function testFuzz_whatIsInComesOutToTheWei(uint128 amount, uint128 part) external {
        amount = uint128(bound(amount, 1, type(uint128).max));
        part = uint128(bound(part, 1, amount));
        _prepay(payToken, _ALICE, amount);
        vm.prank(_ALICE);
        escrow.withdraw(address(payToken), _BOB, part);
        assertEq(payToken.balanceOf(_BOB), part, "out");
        assertEq(_balance(_ALICE), amount - part, "left");
        assertEq(payToken.balanceOf(address(escrow)), amount - part, "tokens");
    }

    function testFuzz_nobodyTakesOutAWeiMore(uint128 amount, uint128 excess) external {
        amount = uint128(bound(amount, 1, type(uint128).max - 1));
        uint128 wanted = amount + uint128(bound(excess, 1, type(uint128).max - amount));
        _prepay(payToken, _ALICE, amount);
        // Somebody else's tokens lie there too.
        _prepay(stakeToken, _BOB, wanted);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPaymentEscrow.PaymentEscrow_InsufficientBalance.selector,
                address(payToken),
                _ALICE,
                amount,
                wanted
            )
        );
        vm.prank(_ALICE);
        escrow.withdraw(address(payToken), _ALICE, wanted);
    }

    function testFuzz_aTransferOnlyMovesMoney(uint128 first, uint128 second, uint128 part, bool toSelf) external {
        (first, second) = (uint128(bound(first, 1, 1e36)), uint128(bound(second, 1, 1e36)));
        part = uint128(bound(part, 0, first));
        _prepay(payToken, _ALICE, first);
        _prepay(payToken, _BOB, second);
        vm.prank(_ALICE);
        escrow.transfer(address(payToken), toSelf ? _ALICE : _BOB, part);
        assertEq(_balance(_ALICE), toSelf ? first : first - part, "sender");
        assertEq(_balance(_BOB), toSelf ? second : second + part, "receiver");
    }

    function testFuzz_aSweepGoesToItsOwnerOnly(uint128 amount, address sweeper) external {
        amount = uint128(bound(amount, 1, type(uint128).max));
        _prepay(payToken, _ALICE, amount);
        vm.expectRevert(abi.encodeWithSelector(IPaymentEscrow.PaymentEscrow_SweepNotAllowed.selector, _ALICE));
        vm.prank(sweeper);
        escrow.sweep(address(payToken), _ALICE);
        vm.prank(_ALICE);
        escrow.allowSweep(true);
        vm.prank(sweeper);
        escrow.sweep(address(payToken), _ALICE);
        assertEq(payToken.balanceOf(_ALICE), amount, "owner");
        assertEq(_balance(_ALICE), 0, "left");
    }

    function testFuzz_aPermitThatSomebodyUsedBeforeDoesNoHarm(uint256 key, uint128 amount, bool frontRun) external {
        key = bound(key, 1, type(uint128).max);
        amount = uint128(bound(amount, 1, type(uint128).max));
        address owner = vm.addr(key);
        payToken.mint(owner, amount);
        (uint8 v, bytes32 r, bytes32 s) = _permit(key, owner, amount);
        if (frontRun) payToken.permit(owner, address(escrow), amount, block.timestamp, v, r, s);
        vm.prank(owner);
        escrow.depositWithPermit(address(payToken), owner, amount, block.timestamp, v, r, s);
        assertEq(_balance(owner), amount, "balance");
    }

    function testFuzz_onlyControllersHoldAndCredit(address caller, uint128 amount) external {
        if (Controlled(address(escrow)).isController(caller)) return;
        amount = uint128(bound(amount, 1, type(uint128).max));
        _prepay(payToken, _ALICE, amount);
        bytes memory refusal = abi.encodeWithSelector(Controlled.Controlled_NotController.selector, caller);
        vm.expectRevert(refusal);
        vm.prank(caller);
        escrow.hold(address(payToken), _ALICE, amount);
        vm.expectRevert(refusal);
        vm.prank(caller);
        escrow.credit(address(payToken), caller, amount);
    }

    function testFuzz_whatIsHeldAndCreditedAgainIsTheSame(uint128 amount, uint128 part) external {
        amount = uint128(bound(amount, 1, type(uint128).max));
        part = uint128(bound(part, 0, amount));
        _prepay(payToken, _ALICE, amount);
        vm.prank(address(market));
        escrow.hold(address(payToken), _ALICE, part);
        assertEq(_balance(_ALICE), amount - part, "held");
        vm.prank(address(disputes));
        escrow.credit(address(payToken), _BOB, part);
        assertEq(_balance(_ALICE) + _balance(_BOB), amount, "credited");
    }

    function _balance(address account) private view returns (uint256) {
        return escrow.balanceOf(address(payToken), account);
    }

    function _permit(uint256 key, address owner, uint128 amount) private view returns (uint8 v, bytes32 r, bytes32 s) {
        bytes32 message = keccak256(
            abi.encode(_PERMIT, owner, address(escrow), uint256(amount), payToken.nonces(owner), block.timestamp)
        );
        return vm.sign(key, keccak256(abi.encodePacked(hex"1901", payToken.DOMAIN_SEPARATOR(), message)));
    }
}
