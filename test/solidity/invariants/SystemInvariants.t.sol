// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IInferenceMarket} from "../../../contracts/interfaces/IInferenceMarket.sol";
import {IJuryArbiter} from "../../../contracts/interfaces/IJuryArbiter.sol";
import {IPaymentEscrow} from "../../../contracts/interfaces/IPaymentEscrow.sol";
import {IProviderStaking} from "../../../contracts/interfaces/IProviderStaking.sol";
import {JobStatus} from "../../../contracts/types/JobTypes.sol";
import {TestBase} from "../support/TestBase.sol";
import {AssayHandler} from "./AssayHandler.sol";
import {Books} from "./Books.sol";

/// What holds after every call of the campaign; `docs/INVARIANTS.md` says each in a sentence. Each invariant is also a
/// short campaign of its own, so that a report names it.
/// hardhat-config: invariant.runs = 4
contract SystemInvariantsTest is TestBase {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    string private constant _LOG = "cache/campaign.log";
    uint256 private constant _STAKE = 0;
    uint256 private constant _TOKENS = 2;
    /// A drain takes as long as some twenty calls, hence not after each.
    uint256 private constant _CALLS_PER_DRAIN = 20;
    uint256 private constant _CALLS_PER_AUDIT = 4;

    AssayHandler private _assay;
    IPaymentEscrow private _escrow;
    IProviderStaking private _staking;
    IInferenceMarket private _market;

    function setUp() public {
        vm.warp(1_800_000_000);
        vm.roll(1_000);
        _assay = AssayHandler(_deploy("AssayHandler", ""));
        (_escrow, _staking, _market) = (_assay.escrow(), _assay.staking(), _assay.market());
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_assay);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(_assay), _assay.actions());
    }

    /// `scripts/campaign.ts` adds these lines up and fails where a function never succeeded.
    function afterInvariant() external {
        vm.writeLine(_LOG, string.concat("calls=", vm.toString(_assay.calls()), _assay.tally()));
    }

    /// The campaign: what each call left behind after each of 128 x 200 calls, and the whole state after every fourth.
    /// hardhat-config: invariant.runs = 128
    function invariant_all() external {
        invariant_everyCallGoesAsTheBooksExpect();
        invariant_I04_onlyItsOwnerOrANamedPathLowersABalance();
        invariant_I05_aSlashTakesNoMoreThanThereIsAndNeverFails();
        invariant_I07_noStakeLeavesFromUnderAJobThatCanSlashIt();
        invariant_I10_noForbiddenTransition();
        invariant_I17_jurorsAreOfThePoolAndSeatedOnce();
        invariant_I23_sharesAddUpToThePrice();
        invariant_I24_noIdIsUsedTwice();
        invariant_I27_noTransferSeesAnythingHalfDone();
        if (_assay.calls() % _CALLS_PER_AUDIT == 0) _audit();
        // Last, for they go on from the state at hand until nothing is left.
        invariant_I13_timeAndAStrangerEmptyTheSystem();
        invariant_I14_aFrozenAccountBlocksNobodyElse();
    }

    function _audit() private {
        invariant_I01_theSystemHoldsExactlyWhatIsOwedInIt();
        invariant_I02_everyFigureIsTheOneInTheBooks();
        invariant_I03_nobodyCanTakeOutMoreThanIsTheirs();
        invariant_I06_stakeCoversEveryObligation();
        invariant_I08_eachJobEndsExactlyOnce();
        invariant_I09_aSettledJobHoldsNothing();
        invariant_I11_aBondIsPaidOutExactlyOnce();
        invariant_I12_atAnyTimeExactlyOneWayIsOpen();
        invariant_I15_parametersNeverTouchAnOpenJob();
    }

    function invariant_everyCallGoesAsTheBooksExpect() public view {
        assertEq(_assay.surprises(), 0, _assay.firstSurprise());
    }

    function invariant_I01_theSystemHoldsExactlyWhatIsOwedInIt() public view {
        for (uint256 token = 0; token < _TOKENS; ++token) {
            uint256 owed = _assay.balanceSum(token) + _assay.held(token);
            assertEq(_assay.tokens(token).balanceOf(address(_escrow)), owed, "I01: escrow");
            uint256 staked = token == _STAKE ? _assay.stakeSum() : 0;
            assertEq(_assay.tokens(token).balanceOf(address(_staking)), staked, "I01: staking");
            assertEq(_assay.tokens(token).balanceOf(address(_market)), 0, "I01: market");
            assertEq(_assay.tokens(token).balanceOf(address(_assay.disputes())), 0, "I01: disputes");
            assertEq(_assay.tokens(token).balanceOf(address(_assay.jury())), 0, "I01: jury");
        }
    }

    function invariant_I02_everyFigureIsTheOneInTheBooks() public view {
        for (uint256 i = 0; i < _assay.peopleCount(); ++i) _checkAccount(_assay.people(i));
        _checkBalances(address(_assay.jury()));
        for (uint256 i = 0; i < _assay.potCount(); ++i) {
            Books.Pot memory pot = _assay.potOf(i);
            IInferenceMarket.Earnings memory earned = _market.earnedOf(pot.key);
            assertEq(earned.amount, pot.amount, "I02: earnings");
            assertEq(earned.stake, pot.stake, "I02: stake behind earnings");
        }
    }

    function invariant_I03_nobodyCanTakeOutMoreThanIsTheirs() public view {
        for (uint256 i = 0; i < _assay.peopleCount(); ++i) {
            address who = _assay.people(i);
            for (uint256 token = 0; token < _TOKENS; ++token) {
                uint256 has = _assay.tokens(token).balanceOf(who);
                has += _escrow.balanceOf(address(_assay.tokens(token)), who);
                if (token == _STAKE) has += _staking.slashableOf(who);
                assertLe(has, _assay.owned(token, who), "I03: wallet, balance and stake");
            }
        }
    }

    function invariant_I04_onlyItsOwnerOrANamedPathLowersABalance() public view {
        assertEq(_assay.unexplainedLosses(), 0, "I04: unexplained losses");
        assertEq(_assay.intrusions(), 0, "I04: calls that only a contract or a role may make");
    }

    function invariant_I05_aSlashTakesNoMoreThanThereIsAndNeverFails() public view {
        assertEq(_assay.slashesAboveStake(), 0, "I05: slashes above the stake or the lock");
        assertEq(_assay.surprisesOf("disputes.resolve"), 0, "I05: resolve");
        assertEq(_assay.surprisesOf("jury.close"), 0, "I05: close");
    }

    function invariant_I06_stakeCoversEveryObligation() public view {
        for (uint256 i = 0; i < _assay.peopleCount(); ++i) {
            address who = _assay.people(i);
            uint256 obligations = _staking.slashableOf(who) == 0 ? 0 : _assay.obligationsOf(who);
            assertEq(_staking.lockedOf(who), obligations, "I06: locks are the obligations");
            assertLe(obligations, _staking.slashableOf(who), "I06: obligations above the stake");
        }
    }

    function invariant_I07_noStakeLeavesFromUnderAJobThatCanSlashIt() public view {
        assertEq(_assay.exitsBelowLocks(), 0, "I07: exits below the obligations");
        assertEq(_assay.surprisesOf("staking.withdraw"), 0, "I07: withdraw");
    }

    function invariant_I08_eachJobEndsExactlyOnce() public view {
        uint256[] memory ids = _assay.watchedJobs();
        for (uint256 i = 0; i < ids.length; ++i) {
            uint256 id = ids[i];
            bool settled = _market.statusOf(_assay.jobOf(id).id) == JobStatus.None;
            assertEq(_assay.jobOf(id).endings, settled ? 1 : 0, "I08: JobPaid and JobRefunded of a job");
        }
    }

    function invariant_I09_aSettledJobHoldsNothing() public view {
        for (uint256 token = 0; token < _TOKENS; ++token) {
            uint256 open = _pricesOfOpenJobs(token);
            uint256 settled = _assay.pricesRefunded(token) + _assay.pricesEarned(token);
            assertEq(_assay.pricesPaidIn(token), open + settled, "I09: prices in, open, out");
            uint256 bonds = token == _STAKE ? _bondsOfOpenCases() : 0;
            uint256 unclaimed = _assay.tokens(token).balanceOf(address(_escrow)) - _claims(token);
            assertEq(unclaimed, open + _inPots(token) + bonds, "I09: held for open jobs, pots and bonds only");
        }
    }

    function invariant_I10_noForbiddenTransition() public view {
        assertEq(_assay.forbiddenTransitions(), 0, "I10: transitions outside the diagram");
        uint256[] memory ids = _assay.watchedJobs();
        for (uint256 i = 0; i < ids.length; ++i) {
            uint256 id = ids[i];
            assertEq(uint256(_market.statusOf(_assay.jobOf(id).id)), uint256(_assay.statusOf(id)), "I10: status");
        }
    }

    function invariant_I11_aBondIsPaidOutExactlyOnce() public view {
        uint256 paidOut = _assay.bondsReturned() + _assay.bondsForfeited();
        assertEq(_assay.bondsPosted(), paidOut + _bondsOfOpenCases(), "I11: posted, paid out, open");
        for (uint256 id = 1; id <= _assay.caseCount(); ++id) {
            assertEq(
                uint256(_assay.disputes().caseOf(id).ruling),
                uint256(_assay.caseOf(id).ruling),
                "I11: ruling, which says whose the bond is"
            );
        }
    }

    /// Tries the moves on a copy of the state, whatever the market says the status is.
    function invariant_I12_atAnyTimeExactlyOneWayIsOpen() public {
        uint256[] memory ids = _assay.watchedJobs();
        for (uint256 i = 0; i < ids.length; ++i) {
            Books.Job memory job = _assay.jobOf(ids[i]);
            address worker = job.terms.provider;
            address court = address(_assay.disputes());
            bool submits = _could(worker, abi.encodeCall(_market.submit, (job.terms, keccak256("late"), "")));
            bool expires = _could(worker, abi.encodeCall(_market.expire, (job.terms)));
            bool disputed = _could(court, abi.encodeCall(_market.openDispute, (job.terms, job.output)));
            bool finalises = _could(worker, abi.encodeCall(_market.finalise, (job.terms)));
            bool resolves = _could(court, abi.encodeCall(_market.closeDispute, (job.terms, false)));

            bool waits = job.stage == Books.Stage.Requested;
            bool delivered = job.stage == Books.Stage.Submitted;
            bool inPhase = block.timestamp <= job.phaseEnd;
            assertTrue(submits == (waits && inPhase), "I12: submit");
            assertTrue(expires == (waits && !inPhase), "I12: expire");
            assertTrue(disputed == (delivered && inPhase), "I12: challenge");
            assertTrue(finalises == (delivered && !inPhase), "I12: finalise");
            assertTrue(resolves == (job.stage == Books.Stage.Disputed), "I12: resolve");
        }
    }

    /// I13, and I14 as long as somebody is frozen: `Drain` says what it does and asserts on the way.
    function invariant_I13_timeAndAStrangerEmptyTheSystem() public {
        if (_assay.calls() % _CALLS_PER_DRAIN == 0) _assay.drain();
    }

    function invariant_I14_aFrozenAccountBlocksNobodyElse() public {
        bool aFewCallsLater = _assay.calls() % _CALLS_PER_DRAIN == _CALLS_PER_DRAIN / 2;
        if (aFewCallsLater && _assay.frozenAccounts() > 0) _assay.drain();
        assertEq(_assay.surprisesOf("escrow.withdraw"), 0, "I14: withdraw");
        assertEq(_assay.surprisesOf("escrow.sweep"), 0, "I14: sweep");
        assertEq(_assay.surprisesOf("staking.withdraw"), 0, "I14: stake withdraw");
    }

    function invariant_I15_parametersNeverTouchAnOpenJob() public view {
        uint256[] memory ids = _assay.watchedJobs();
        for (uint256 i = 0; i < ids.length; ++i) {
            Books.Job memory job = _assay.jobOf(ids[i]);
            if (job.stage == Books.Stage.Paid || job.stage == Books.Stage.Refunded) continue;
            assertTrue(_market.hasOutput(job.id, job.output) == (job.output != 0), "I15: output as it was delivered");
            assertEq(_market.phaseEndOf(job.id), job.phaseEnd, "I15: end of the phase as it was set");
        }
    }

    /// Seats are of the pool that was fixed when the case opened, each juror once; other cases take none of them.
    function invariant_I17_jurorsAreOfThePoolAndSeatedOnce() public view {
        assertEq(_assay.strangeJurors(), 0, "I17: jurors");
        assertEq(_assay.missingJurors(), 0, "I17: empty seats");
    }

    function invariant_I23_sharesAddUpToThePrice() public view {
        assertEq(_assay.wrongSplits(), 0, "I23: splits that lose or make a wei");
    }

    function invariant_I24_noIdIsUsedTwice() public view {
        assertEq(_assay.unexpectedIds(), 0, "I24: a job's id is the hash of its terms, and nobody else's");
        assertEq(_assay.idsOutOfOrder(), 0, "I24: ids of models and cases");
        assertEq(_assay.disputes().lastCaseId(), _assay.caseCount(), "I24: last case");
    }

    function invariant_I27_noTransferSeesAnythingHalfDone() public view {
        assertEq(_assay.reentries(), 0, "I27: guarded functions entered from a transfer");
        assertEq(_assay.uncoveredTransfers(), 0, "I27: balances without tokens in a transfer");
        assertEq(_assay.jobsInTransit(), 0, "I27: jobs not settled yet in a transfer");
    }

    /// Makes a call as `who`, tells whether it went through, and undoes it.
    function dryRun(address who, bytes calldata data) external {
        vm.prank(who);
        (bool ok, ) = address(_market).call(data);
        assembly ("memory-safe") {
            mstore(0, ok)
            revert(0, 32)
        }
    }

    function _could(address who, bytes memory data) private returns (bool) {
        try this.dryRun(who, data) {
            return false;
        } catch (bytes memory answer) {
            return abi.decode(answer, (bool));
        }
    }

    function _checkAccount(address who) private view {
        _checkBalances(who);
        assertEq(_staking.bondedOf(who), _assay.bonded(who), "I02: bonded");
        assertEq(_staking.unbondingOf(who), _assay.unbonding(who), "I02: unbonding");
        assertEq(_staking.lockedOf(who), _assay.locked(who), "I02: locked");
        for (uint256 id = 1; id <= _assay.modelCount(); ++id) {
            IJuryArbiter.Membership memory member = _assay.jury().membershipOf(id, who);
            assertEq(member.locks, _assay.locksOf(id, who), "I02: locks of a juror");
            assertEq(member.openSeats, _assay.openSeatsOf(id, who), "I02: open seats of a juror");
        }
    }

    function _checkBalances(address who) private view {
        for (uint256 token = 0; token < _TOKENS; ++token) {
            uint256 actual = _escrow.balanceOf(address(_assay.tokens(token)), who);
            assertEq(actual, _assay.balance(token, who), "I02: balance");
        }
    }

    /// What the escrow says the accounts have, all together.
    function _claims(uint256 token) private view returns (uint256 sum) {
        address tokenAddress = address(_assay.tokens(token));
        sum = _escrow.balanceOf(tokenAddress, address(_assay.jury()));
        for (uint256 i = 0; i < _assay.peopleCount(); ++i) sum += _escrow.balanceOf(tokenAddress, _assay.people(i));
    }

    /// What the market says the pots have.
    function _inPots(uint256 token) private view returns (uint256 sum) {
        for (uint256 i = 0; i < _assay.potCount(); ++i) {
            Books.Pot memory pot = _assay.potOf(i);
            if (pot.key.token == address(_assay.tokens(token))) sum += _market.earnedOf(pot.key).amount;
        }
    }

    function _pricesOfOpenJobs(uint256 token) private view returns (uint256 sum) {
        uint256[] memory ids = _assay.watchedJobs();
        for (uint256 i = 0; i < ids.length; ++i) {
            Books.Job memory job = _assay.jobOf(ids[i]);
            if (_market.statusOf(job.id) == JobStatus.None) continue;
            if (job.terms.token == address(_assay.tokens(token))) sum += job.terms.price;
        }
    }

    function _bondsOfOpenCases() private view returns (uint256 sum) {
        for (uint256 id = 1; id <= _assay.caseCount(); ++id) {
            if (uint256(_assay.disputes().caseOf(id).ruling) == 0) sum += _assay.disputes().CHALLENGE_BOND();
        }
    }
}
