// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @dev The steps of a sum that one call takes: from `from` to before `to`, or to the end if `to` is `StepRanges.END`.
struct Steps {
    uint256 from;
    uint256 to;
}

using StepRanges for Steps global;

/// @title Which steps of a long sum a call takes
library StepRanges {
    uint256 internal constant END = type(uint256).max;

    error StepRanges_OutOfRange(uint256 from, uint256 to, uint256 count);
    error StepRanges_Indivisible(uint256 from, uint256 to);

    /// @notice Whether nothing comes after them.
    function areLast(Steps memory steps) internal pure returns (bool) {
        return steps.to == END;
    }

    /// @notice The steps of a sum of `count`; the last call may have none left.
    function within(Steps memory steps, uint256 count) internal pure returns (uint256 from, uint256 to) {
        bool isLast = areLast(steps);
        (from, to) = (steps.from, isLast ? count : steps.to);
        if (to > count || from > to || (from == to && !isLast)) {
            revert StepRanges_OutOfRange(steps.from, steps.to, count);
        }
    }

    /// @notice Reverts unless they are all.
    function requireAll(Steps memory steps) internal pure {
        if (steps.from != 0 || !areLast(steps)) revert StepRanges_Indivisible(steps.from, steps.to);
    }
}
