// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Stake on its way out
/// @notice Few entries, oldest first, so that every loop is short. Only the owner of the stake adds entries.
library UnbondingQueue {
    /// @notice Most requests under way at a time.
    uint256 internal constant MAX_ENTRIES = 8;

    /// @notice One request.
    struct Entry {
        uint128 amount;
        uint48 completableAt;
    }

    /// @notice The requests of one provider.
    struct Queue {
        Entry[] entries;
    }

    error UnbondingQueue_Full(uint256 entries);

    /// @notice Appends a request.
    function push(Queue storage queue, uint128 amount, uint48 completableAt) internal {
        if (queue.entries.length == MAX_ENTRIES) revert UnbondingQueue_Full(MAX_ENTRIES);
        queue.entries.push(Entry(amount, completableAt));
    }

    /// @notice Removes what is due at `time` and returns it.
    function popDue(Queue storage queue, uint48 time) internal returns (uint128 amount) {
        uint256 length = queue.entries.length;
        uint256 due = 0;
        while (due < length && queue.entries[due].completableAt <= time) {
            amount += queue.entries[due].amount;
            ++due;
        }
        for (uint256 i = due; i < length; ++i) queue.entries[i - due] = queue.entries[i];
        for (uint256 i = 0; i < due; ++i) queue.entries.pop();
    }

    /// @notice Removes up to `amount`, newest first, and returns what was there.
    function take(Queue storage queue, uint128 amount) internal returns (uint128 taken) {
        while (taken < amount && queue.entries.length > 0) {
            Entry storage last = queue.entries[queue.entries.length - 1];
            uint128 missing = amount - taken;
            if (last.amount > missing) {
                last.amount -= missing;
                return amount;
            }
            taken += last.amount;
            queue.entries.pop();
        }
    }

    /// @notice Everything in the queue.
    function total(Queue storage queue) internal view returns (uint128 amount) {
        for (uint256 i = 0; i < queue.entries.length; ++i) amount += queue.entries[i].amount;
    }

    /// @notice When the oldest request is due; zero if there is none.
    function nextAt(Queue storage queue) internal view returns (uint48) {
        return queue.entries.length == 0 ? 0 : queue.entries[0].completableAt;
    }
}
