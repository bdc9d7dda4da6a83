// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IArbiter} from "../interfaces/IArbiter.sol";
import {CaseFacts, Ruling} from "../types/DisputeTypes.sol";

/// @title An arbiter that says nothing, breaks, or says what it is told to
/// @notice Shows that no arbiter can keep a case open for ever, and what follows from each ruling.
contract SilentArbiter is IArbiter {
    /// @notice How it answers.
    enum Mood {
        /// The ruling it was told, `None` at first.
        Calm,
        Reverting,
        /// Uses up all the gas it is given.
        Burning,
        /// Returns nothing.
        Empty,
        /// Returns the ruling without the finder.
        Short,
        /// Names a ruling that does not exist.
        UnknownRuling,
        /// Names a finder that is no address.
        UnknownFinder,
        /// Returns far more than it was asked for.
        Flooding
    }

    uint48 private immutable _PERIOD;
    Mood private _mood;
    Ruling private _ruling;
    address private _finder;
    bytes32 private _disproven;

    /// @notice A case was brought before it, with these facts.
    event CaseTaken(uint256 indexed caseId, CaseFacts facts);

    error SilentArbiter_Broken();

    constructor(uint48 period) {
        _PERIOD = period;
    }

    /// @notice Sets how it answers.
    function setMood(Mood mood) external {
        _mood = mood;
    }

    /// @notice Sets what it says about every case.
    function rule(Ruling ruling, address finder) external {
        (_ruling, _finder) = (ruling, finder);
    }

    /// @notice Sets the trace that it says was proven wrong.
    function disprove(bytes32 traceRoot) external {
        _disproven = traceRoot;
    }

    /// @inheritdoc IArbiter
    function openCase(uint256 caseId, CaseFacts calldata facts) external {
        emit CaseTaken(caseId, facts);
    }

    /// @inheritdoc IArbiter
    function rulingOf(uint256) external view returns (Ruling, address) {
        if (_mood == Mood.Reverting) revert SilentArbiter_Broken();
        if (_mood == Mood.Burning) {
            assembly ("memory-safe") {
                invalid()
            }
        }
        if (_mood == Mood.Empty) _answer(0, 1, 1);
        if (_mood == Mood.Short) _answer(32, 1, 1);
        if (_mood == Mood.UnknownRuling) _answer(64, 4, 1);
        if (_mood == Mood.UnknownFinder) _answer(64, 1, type(uint256).max);
        if (_mood == Mood.Flooding) _answer(100_000, 1, 1);
        return (_ruling, _finder);
    }

    /// @inheritdoc IArbiter
    function disprovenTraceOf(uint256) external view returns (bytes32) {
        return _disproven;
    }

    /// @inheritdoc IArbiter
    function isPaid() external pure returns (bool) {
        return true;
    }

    /// @inheritdoc IArbiter
    function resolutionPeriod() external view returns (uint48) {
        return _PERIOD;
    }

    /// @dev Ends the call with `size` bytes that begin with two words.
    function _answer(uint256 size, uint256 ruling, uint256 finder) private pure {
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore(start, ruling)
            mstore(add(start, 32), finder)
            return(start, size)
        }
    }
}
