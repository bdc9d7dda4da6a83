// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IOperatorVerifier} from "../../../contracts/interfaces/IOperatorVerifier.sol";
import {IProofCourt} from "../../../contracts/interfaces/IProofCourt.sol";
import {Ruling} from "../../../contracts/types/DisputeTypes.sol";
import {OneNodeTrace} from "../support/OneNodeTrace.sol";
import {TestBase} from "../support/TestBase.sol";

/// What the clock depends on, in the words of docs/contracts/ProofCourt.md.
struct Clock {
    uint48 openedAt;
    uint48 windowEnd;
    uint48 postedAt;
    uint48 latestShownAt;
    /// Of each leaf: last second to show it, zero if nobody asked.
    uint48[2] replyBy;
    bool[2] shown;
    bool silenceProven;
    uint48 time;
}

/// Every order of a court's moves, at every few seconds, against what the clock's documentation says.
/// The test is also all that the court asks: disputes, models, providers, escrow and audits.
contract CourtClockTest is TestBase, OneNodeTrace {
    uint48 private constant REPLY = 2;
    uint48 private constant CLAIM = 1;
    /// Trace and leaf, and the three levels of hashes in between.
    uint48 private constant LONGEST = 5 * (REPLY + CLAIM);
    uint48 private constant START = 1_000_000;
    uint256 private constant CASE = 7;
    /// Post, and for each of two leaves demand, show, prove silence.
    uint256 private constant MOVES = 7;
    uint256 private constant DEPTH = 5;

    IProofCourt private _court;
    uint48[] private _waits;
    uint48 private _windowEnd;

    /// Thrown to take back all that a move did.
    error Undone(uint256 tried);

    function setUp() external {
        bytes memory arguments = abi.encode(
            this,
            this,
            this,
            this,
            this,
            address(1),
            IProofCourt.Periods(REPLY, CLAIM),
            1,
            new IOperatorVerifier[](0)
        );
        _court = IProofCourt(_deploy("ProofCourt", arguments));
    }

    function test_everyOrderOfMovesInAShortWindow() external {
        _waits = [0, 1, 2, 3];
        assertTrue(_exploreAll(_open(0)) > 100_000, "many orders");
    }

    function test_everyOrderOfMovesInALongWindow() external {
        _waits = [1, 2, 3];
        assertTrue(_exploreAll(_open(6)) > 30_000, "many orders");
    }

    function test_everyOrderOfMovesAroundTheLastDemand() external {
        _waits = [0, 1, LONGEST - REPLY - CLAIM, LONGEST - REPLY - CLAIM + 1];
        assertTrue(_exploreAll(_open(0)) > 1000, "many orders");
    }

    /// Tries a move at a time; what it leads to is tried too, and then all of it is taken back.
    function attempt(Clock memory clock, uint256 move, uint256 depth) external {
        vm.warp(clock.time);
        (bool success, ) = address(_court).call(_callOf(move));
        assertTrue(success == _mayMove(clock, move), "whether the court takes the move");
        if (!success) revert Undone(1);
        _apply(clock, move);
        revert Undone(1 + (depth == 0 ? 0 : _explore(clock, depth - 1)));
    }

    // What the court asks.

    function graphOf(uint256) external pure returns (bytes32) {
        return _graphHash();
    }

    function answerOf(uint256) external pure returns (bytes32) {
        return 0;
    }

    function CHALLENGE_BOND() external pure returns (uint128) {
        return type(uint128).max;
    }

    function hold(address, address, uint128) external pure returns (uint64) {
        return 1;
    }

    function _open(uint48 window) private returns (Clock memory clock) {
        vm.warp(START);
        _windowEnd = START + window;
        _court.openCase(CASE, _facts(_windowEnd));
        (clock.openedAt, clock.windowEnd, clock.time) = (START, _windowEnd, START);
    }

    /// Few moves first: a failure is traced from the beginning, which takes memory for all that came before.
    function _exploreAll(Clock memory clock) private returns (uint256 tried) {
        for (uint256 depth = 0; depth <= DEPTH; ++depth) tried = _explore(clock, depth);
    }

    function _explore(Clock memory clock, uint256 depth) private returns (uint256 tried) {
        uint48 from = clock.time;
        for (uint256 i = 0; i < _waits.length; ++i) {
            clock.time = from + _waits[i];
            _checkRuling(clock);
            for (uint256 move = 0; move < MOVES; ++move) {
                try this.attempt(clock, move, depth) {
                    revert("not undone");
                } catch (bytes memory reason) {
                    tried += _undone(reason);
                }
            }
        }
        clock.time = from;
    }

    function _checkRuling(Clock memory clock) private {
        vm.warp(clock.time);
        (Ruling ruling, address finder) = _court.rulingOf(CASE);
        assertEq(uint256(ruling), uint256(_rulingAt(clock)), "ruling");
        assertTrue((finder != address(0)) == clock.silenceProven, "finder");
        // A ruling stands for good.
        uint48 end = clock.openedAt + _court.resolutionPeriod();
        vm.warp(end);
        (Ruling last, ) = _court.rulingOf(CASE);
        if (ruling != Ruling.None) assertEq(uint256(last), uint256(ruling), "a ruling that changed");
        // Whoever is still silent at the end can be convicted by anybody: no case is stuck.
        bool silent = _isOpen(clock, 0) || _isOpen(clock, 1);
        assertTrue((last == Ruling.None) == (silent && !clock.silenceProven), "a case that is stuck");
    }

    function _rulingAt(Clock memory clock) private pure returns (Ruling) {
        if (clock.silenceProven) return Ruling.Upheld;
        if (clock.postedAt == 0) return clock.time - clock.openedAt > REPLY ? Ruling.Upheld : Ruling.None;
        if (_isOpen(clock, 0) || _isOpen(clock, 1)) return Ruling.None;
        bool hadTime = clock.time - clock.latestShownAt > CLAIM && clock.time > clock.windowEnd;
        return hadTime ? Ruling.Rejected : Ruling.None;
    }

    function _mayMove(Clock memory clock, uint256 move) private pure returns (bool) {
        if (_rulingAt(clock) != Ruling.None) return false;
        if (move == 0) return clock.postedAt == 0;
        (uint256 kind, uint256 leaf) = ((move - 1) % 3, (move - 1) / 3);
        if (kind == 0) {
            bool inTime = clock.time + REPLY + CLAIM <= clock.windowEnd + LONGEST;
            return clock.postedAt != 0 && clock.replyBy[leaf] == 0 && inTime;
        }
        // What was shown may be shown again: that changes nothing.
        if (kind == 1) return clock.replyBy[leaf] != 0;
        return _isOpen(clock, leaf) && clock.time > clock.replyBy[leaf];
    }

    function _apply(Clock memory clock, uint256 move) private pure {
        if (move == 0) {
            (clock.postedAt, clock.latestShownAt) = (clock.time, clock.time);
            return;
        }
        (uint256 kind, uint256 leaf) = ((move - 1) % 3, (move - 1) / 3);
        if (kind == 0) clock.replyBy[leaf] = clock.time + REPLY;
        if (kind == 1 && !clock.shown[leaf]) (clock.shown[leaf], clock.latestShownAt) = (true, clock.time);
        if (kind == 2) clock.silenceProven = true;
    }

    function _callOf(uint256 move) private view returns (bytes memory) {
        if (move == 0) return _postCall(CASE, _facts(_windowEnd));
        (uint256 kind, uint32 leaf) = ((move - 1) % 3, uint32((move - 1) / 3));
        if (kind == 0) return _demandCall(CASE, leaf);
        if (kind == 1) return _showCall(CASE, leaf);
        return _silenceCall(CASE, leaf);
    }

    function _isOpen(Clock memory clock, uint256 leaf) private pure returns (bool) {
        return clock.replyBy[leaf] != 0 && !clock.shown[leaf];
    }

    /// How many moves were tried, or the failure that it was.
    function _undone(bytes memory reason) private pure returns (uint256 tried) {
        if (bytes4(reason) != Undone.selector) {
            assembly ("memory-safe") {
                revert(add(reason, 32), mload(reason))
            }
        }
        assembly ("memory-safe") {
            tried := mload(add(reason, 36))
        }
    }
}
