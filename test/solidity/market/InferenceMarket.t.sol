// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IInferenceMarket} from "../../../contracts/interfaces/IInferenceMarket.sol";
import {JobId} from "../../../contracts/libraries/JobId.sol";
import {DevToken} from "../../../contracts/mocks/DevToken.sol";
import {JobStatus, JobTerms} from "../../../contracts/types/JobTypes.sol";
import {AssayFixture} from "../support/AssayFixture.sol";
import {IMarketFactory} from "../support/IMarketFactory.sol";

/// Jobs with random prices, stakes and durations, at the last second of a phase and one second beyond.
contract InferenceMarketTest is AssayFixture {
    bytes32 private constant _OUTPUT = keccak256("output");

    address private immutable _CLIENT = _person("client");
    address private immutable _PROVIDER = _person("provider");
    address private immutable _OPERATOR = _person("operator");
    address private immutable _OWNER = _person("owner");
    address private immutable _STRANGER = _person("stranger");
    uint256 private _modelId;
    uint64 private _requests;

    /// The random part of a job.
    struct Deal {
        uint128 price;
        uint96 stake;
        uint32 maxDuration;
    }

    function setUp() public {
        vm.warp(1_800_000_000);
        _deployAssay(new DevToken("Stake", "STAKE"), new DevToken("Pay", "PAY"));
        _modelId = _registerModel(_OWNER, ROYALTY_BPS);
        _registerProvider(_PROVIDER, _OPERATOR);
    }

    function testFuzz_aRequestHoldsThePriceAndLocksTheStake(Deal memory deal) external {
        JobTerms memory terms = _request(deal);
        assertEq(_balance(_CLIENT), 0, "client");
        assertEq(staking.lockedOf(_PROVIDER), terms.stake, "locked");
        assertEq(market.phaseEndOf(_idOf(terms)), terms.executionDeadline, "deadline");
        assertTrue(market.statusOf(_idOf(terms)) == JobStatus.Requested, "terms");
    }

    function testFuzz_aRequestBeyondBalanceOrStakeIsRefused(Deal memory deal, bool poorClient) external {
        deal = _bounded(deal);
        if (deal.price == 0) deal.price = 1;
        _makeOffer(deal);
        if (deal.price > 1 || !poorClient) _prepay(payToken, _CLIENT, poorClient ? deal.price - 1 : deal.price);
        if (deal.stake > 1 || poorClient) _stake(_PROVIDER, poorClient ? deal.stake : deal.stake - 1);
        assertTrue(!_goesThrough(_CLIENT, abi.encodeCall(market.request, (_job()))), "request");
    }

    function testFuzz_aClientGetsItsBoundsOrNothing(Deal memory deal, uint128 limit, uint256 which) external {
        deal = _bounded(deal);
        _makeOffer(deal);
        _fundDeal(deal);
        IInferenceMarket.JobRequest memory job = _job();
        bool expected = true;
        if (which % 3 == 0) (job.maxPrice, expected) = (limit, deal.price <= limit);
        if (which % 3 == 1) (job.minStake, expected) = (limit, deal.stake >= limit);
        if (which % 3 == 2) {
            job.deliverBy = uint48(block.timestamp + (limit % 4 days));
            expected = deal.maxDuration <= limit % 4 days;
        }
        assertTrue(_goesThrough(_CLIENT, abi.encodeCall(market.request, (job))) == expected, "request");
    }

    function testFuzz_upToTheLastSecondOnlySubmitIsPossible(Deal memory deal, uint48 wait) external {
        JobTerms memory terms = _request(deal);
        vm.warp(bound(uint256(block.timestamp) + wait, block.timestamp, terms.executionDeadline));
        assertTrue(!_goesThrough(_STRANGER, abi.encodeCall(market.expire, (terms))), "expire");
        assertTrue(_goesThrough(_OPERATOR, abi.encodeCall(market.submit, (terms, _OUTPUT, ""))), "submit");
        assertEq(market.phaseEndOf(_idOf(terms)), block.timestamp + WINDOW, "window");
    }

    function testFuzz_fromOneSecondLaterOnlyExpireIsPossible(Deal memory deal, uint32 late) external {
        JobTerms memory terms = _request(deal);
        vm.warp(uint256(terms.executionDeadline) + 1 + late);
        assertTrue(!_goesThrough(_OPERATOR, abi.encodeCall(market.submit, (terms, _OUTPUT, ""))), "submit");
        assertTrue(!_goesThrough(_OPERATOR, abi.encodeCall(market.decline, (terms))), "decline");
        assertTrue(_goesThrough(_STRANGER, abi.encodeCall(market.expire, (terms))), "expire");
        _assertRefunded(terms);
    }

    function testFuzz_aDeclinedJobIsRefunded(Deal memory deal, uint48 wait) external {
        JobTerms memory terms = _request(deal);
        vm.warp(bound(uint256(block.timestamp) + wait, block.timestamp, terms.executionDeadline));
        assertTrue(_goesThrough(_PROVIDER, abi.encodeCall(market.decline, (terms))), "decline");
        _assertRefunded(terms);
    }

    function testFuzz_aJobIsFinalisedAfterItsWindowAndNoSecondBefore(Deal memory deal, uint48 wait) external {
        JobTerms memory terms = _submitted(deal);
        uint256 end = market.phaseEndOf(_idOf(terms));
        vm.warp(bound(uint256(block.timestamp) + wait, block.timestamp, end));
        bytes memory finalise = abi.encodeCall(market.finalise, (terms));
        assertTrue(!_goesThrough(_STRANGER, finalise), "inside the window");
        vm.warp(end + 1);
        vm.prank(address(disputes));
        vm.expectPartialRevert(IInferenceMarket.InferenceMarket_WrongStatus.selector);
        market.openDispute(terms, _OUTPUT);
        assertTrue(_goesThrough(_STRANGER, finalise), "after it");
        assertTrue(!_goesThrough(_STRANGER, finalise), "twice");
        assertTrue(market.statusOf(_idOf(terms)) == JobStatus.None, "status");
    }

    function testFuzz_thePotIsSplitToTheWeiAndTheLockReleased(Deal memory deal) external {
        JobTerms memory terms = _submitted(deal);
        vm.warp(uint256(market.phaseEndOf(_idOf(terms))) + 1);
        market.finalise(terms);
        assertEq(staking.lockedOf(_PROVIDER), terms.stake, "locked until collected");
        if (terms.price + terms.stake > 0) market.collect(_keyOf(terms));
        assertEq(_balance(TREASURY), (uint256(terms.price) * FEE_BPS + 9_999) / 10_000, "fee");
        assertEq(_balance(_PROVIDER) + _balance(_OWNER) + _balance(TREASURY), terms.price, "all of it");
        assertEq(staking.lockedOf(_PROVIDER), 0, "released");
    }

    function testFuzz_noFieldOfTheTermsCanBeChanged(Deal memory deal, uint256 field, uint256 change) external {
        JobTerms memory terms = _submitted(deal);
        vm.warp(uint256(market.phaseEndOf(_idOf(terms))) + 1);
        field = bound(field, 0, JobId.SIZE / 32 - 1);
        change = bound(change, 1, type(uint16).max);
        assembly ("memory-safe") {
            let word := add(terms, mul(field, 32))
            mstore(word, xor(mload(word), change))
        }
        assertTrue(!market.hasOutput(_idOf(terms), _OUTPUT), "output");
        assertTrue(!_goesThrough(_STRANGER, abi.encodeCall(market.finalise, (terms))), "finalise");
    }

    function testFuzz_onlyTheWorkerDelivers(Deal memory deal, address caller) external {
        JobTerms memory terms = _request(deal);
        bool isWorker = caller == _PROVIDER || caller == _OPERATOR;
        assertTrue(_goesThrough(caller, abi.encodeCall(market.submit, (terms, _OUTPUT, ""))) == isWorker, "submit");
    }

    function testFuzz_manyJobsShareAPotAndRoundOnce(uint8 count, uint64 price) external {
        count = uint8(bound(count, 1, 20));
        Deal memory deal = Deal(price, 1e18, 60);
        _makeOffer(deal);
        JobTerms[] memory due = new JobTerms[](count);
        for (uint256 i = 0; i < count; ++i) due[i] = _requestAgain(deal);
        vm.warp(block.timestamp + WINDOW + 1);
        assertEq(market.finaliseDue(due), count, "paid");
        assertEq(market.finaliseDue(due), 0, "paid again");
        market.collect(_keyOf(due[0]));
        uint256 total = uint256(price) * count;
        assertEq(_balance(TREASURY), (total * FEE_BPS + 9_999) / 10_000, "fee of the whole");
        assertEq(_balance(_PROVIDER) + _balance(_OWNER) + _balance(TREASURY), total, "all of it");
    }

    function testFuzz_parametersStayInsideTheirBounds(uint16 feeBps, uint32 window) external {
        IInferenceMarket.Parameters memory p = IInferenceMarket.Parameters(feeBps, window, 0, TREASURY);
        bool allowed = feeBps <= 500 && window >= 1 minutes && window <= 7 days;
        try
            IMarketFactory(_deploy("MarketFactory", "")).deploy(
                address(authority),
                models,
                providers,
                staking,
                escrow,
                p
            )
        {
            assertTrue(allowed, "out of bounds, yet deployed");
        } catch {
            assertTrue(!allowed, "in bounds, yet refused");
        }
    }

    function testFuzz_nobodyButTheirRolesMoveParametersOrPause(address caller) external {
        if (caller == GUARDIAN || caller == ADMIN) return;
        bytes memory refusal = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller);
        vm.expectRevert(refusal);
        vm.prank(caller);
        market.pause();
        vm.expectRevert(refusal);
        vm.prank(caller);
        market.setProtocolFee(0);
        vm.expectRevert(refusal);
        vm.prank(caller);
        market.setTreasury(caller);
    }

    function _bounded(Deal memory deal) private pure returns (Deal memory) {
        deal.price = uint128(bound(deal.price, 0, 1e30));
        deal.stake = uint96(bound(deal.stake, MIN_JOB_STAKE, type(uint96).max));
        deal.maxDuration = uint32(bound(deal.maxDuration, 1, 3 days));
        return deal;
    }

    function _makeOffer(Deal memory deal) private {
        _offer(_PROVIDER, _modelId, deal.price, deal.stake, deal.maxDuration);
    }

    function _fundDeal(Deal memory deal) private {
        if (deal.price > 0) _prepay(payToken, _CLIENT, deal.price);
        _stake(_PROVIDER, deal.stake);
    }

    function _job() private view returns (IInferenceMarket.JobRequest memory) {
        return _requestOf(_PROVIDER, _modelId, address(payToken));
    }

    function _request(Deal memory deal) private returns (JobTerms memory) {
        deal = _bounded(deal);
        _makeOffer(deal);
        return _requestFunded(deal);
    }

    function _requestFunded(Deal memory deal) private returns (JobTerms memory terms) {
        _fundDeal(deal);
        vm.prank(_CLIENT);
        uint256 id = market.request(_job());
        terms = _termsNow(++_requests, _CLIENT, _job(), _OPERATOR, deal.price, deal.stake, deal.maxDuration);
        assertEq(id, _idOf(terms), "id");
    }

    /// Requested and delivered.
    function _requestAgain(Deal memory deal) private returns (JobTerms memory terms) {
        terms = _requestFunded(deal);
        vm.prank(_OPERATOR);
        market.submit(terms, _OUTPUT, "");
    }

    function _submitted(Deal memory deal) private returns (JobTerms memory terms) {
        terms = _request(deal);
        vm.prank(_OPERATOR);
        market.submit(terms, _OUTPUT, "");
    }

    function _goesThrough(address caller, bytes memory data) private returns (bool ok) {
        vm.prank(caller);
        (ok, ) = address(market).call(data);
    }

    function _assertRefunded(JobTerms memory terms) private view {
        assertEq(_balance(_CLIENT), terms.price, "refund");
        assertEq(staking.lockedOf(_PROVIDER), 0, "released");
        assertTrue(market.statusOf(_idOf(terms)) == JobStatus.None, "status");
        assertEq(market.phaseEndOf(_idOf(terms)), 0, "slot");
    }

    function _balance(address account) private view returns (uint256) {
        return escrow.balanceOf(address(payToken), account);
    }

    function _keyOf(JobTerms memory terms) private pure returns (IInferenceMarket.EarningsKey memory) {
        return IInferenceMarket.EarningsKey(terms.provider, terms.modelId, terms.token, terms.protocolFeeBps);
    }
}
