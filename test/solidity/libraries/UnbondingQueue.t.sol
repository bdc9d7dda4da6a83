// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {UnbondingQueue} from "../../../contracts/libraries/UnbondingQueue.sol";
import {TestBase} from "../support/TestBase.sol";

/// The queue against a plain list that is searched from end to end.
contract UnbondingQueueTest is TestBase {
    using UnbondingQueue for UnbondingQueue.Queue;

    UnbondingQueue.Queue private _queue;
    uint128[] private _amounts;
    uint48[] private _times;
    uint48 private _now = 1000;

    function testFuzz_behavesAsAPlainList(uint256[32] calldata seeds) external {
        for (uint256 i = 0; i < seeds.length; ++i) {
            uint128 amount = uint128(bound(seeds[i] >> 8, 1, 1e20));
            uint256 move = seeds[i] % 4;
            if (move <= 1) _push(amount);
            if (move == 2) _popDue();
            if (move == 3) _take(amount);
            _now += uint48((seeds[i] >> 160) % 30);
            _compare();
        }
    }

    function test_everyOrderOfFiveMovesBehavesAsAPlainList() external {
        for (uint256 code = 0; code < 6 ** 5; ++code) {
            for (uint256 rest = code + 6 ** 5; rest > 1; rest /= 6) {
                uint256 move = rest % 6;
                if (move == 0) _push(3);
                if (move == 1) _popDue();
                if (move == 2) _take(2);
                if (move == 3) _take(5);
                // An entry is due after fifty seconds.
                if (move > 3) _now += move == 4 ? 49 : 1;
                _compare();
            }
            _take(type(uint128).max);
        }
    }

    function testFuzz_theNinthIsRefusedUntilOneIsOut(uint128 amount) external {
        amount = uint128(bound(amount, 1, 1e30));
        for (uint48 i = 0; i < UnbondingQueue.MAX_ENTRIES; ++i) this.push(amount, i + 1);
        vm.expectRevert(
            abi.encodeWithSelector(UnbondingQueue.UnbondingQueue_Full.selector, UnbondingQueue.MAX_ENTRIES)
        );
        this.push(amount, 9);
        assertEq(_queue.popDue(1), amount, "the oldest");
        this.push(amount, 9);
        assertEq(_queue.total(), uint256(amount) * UnbondingQueue.MAX_ENTRIES, "all");
    }

    function testFuzz_anEntryIsDueFromItsVerySecond(uint128 amount, uint48 at) external {
        at = uint48(bound(at, 1, type(uint48).max));
        this.push(amount, at);
        assertEq(_queue.popDue(at - 1), 0, "one second before");
        assertEq(_queue.popDue(at), amount, "at the second");
        assertEq(_queue.nextAt(), 0, "empty");
    }

    /// External, so that a refusal is a revert of its own call.
    function push(uint128 amount, uint48 at) external {
        _queue.push(amount, at);
    }

    function _push(uint128 amount) private {
        if (_amounts.length == UnbondingQueue.MAX_ENTRIES) return;
        _queue.push(amount, _now + 50);
        _amounts.push(amount);
        _times.push(_now + 50);
    }

    function _popDue() private {
        uint256 expected = 0;
        uint256 kept = 0;
        for (uint256 i = 0; i < _amounts.length; ++i) {
            if (_times[i] <= _now) {
                expected += _amounts[i];
                continue;
            }
            (_amounts[kept], _times[kept]) = (_amounts[i], _times[i]);
            ++kept;
        }
        _shorten(kept);
        assertEq(_queue.popDue(_now), expected, "what was due");
    }

    /// Newest first, wei for wei.
    function _take(uint128 amount) private {
        uint128 left = amount;
        for (uint256 i = _amounts.length; i > 0; --i) {
            uint128 part = _amounts[i - 1] < left ? _amounts[i - 1] : left;
            _amounts[i - 1] -= part;
            left -= part;
        }
        while (_amounts.length > 0 && _amounts[_amounts.length - 1] == 0) _shorten(_amounts.length - 1);
        assertEq(_queue.take(amount), amount - left, "what was taken");
    }

    function _shorten(uint256 length) private {
        while (_amounts.length > length) {
            _amounts.pop();
            _times.pop();
        }
    }

    function _compare() private view {
        uint256 sum = 0;
        for (uint256 i = 0; i < _amounts.length; ++i) sum += _amounts[i];
        assertEq(_queue.total(), sum, "total");
        assertEq(_queue.entries.length, _amounts.length, "entries");
        assertEq(_queue.nextAt(), _times.length == 0 ? 0 : _times[0], "next");
    }
}
