// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Claims} from "./Claims.sol";
import {DotShapes} from "./DotShapes.sol";
import {FloatOperands} from "./FloatOperands.sol";
import {FloatSums} from "./FloatSums.sol";
import {StepRanges, Steps} from "./Steps.sol";
import {Claim} from "../types/CourtTypes.sol";

/// @title The products of float32 that a claim adds up, in the order of its sum
library FloatTerms {
    /// @notice Terms of a sum of `length`, from its term `first` on.
    struct Terms {
        uint256[] factors;
        uint256 first;
        uint256 length;
    }

    /// @notice The factors of a row and a column.
    function ofRowAndColumn(
        Claim calldata claim,
        Claims.Reading memory reading,
        Steps memory steps
    ) internal pure returns (Terms memory) {
        (uint256 inA, uint256 inB, uint256 length) = FloatOperands.rowAndColumn(claim, reading);
        (uint256 from, uint256 to) = steps.within(length);
        uint256[] memory factors = new uint256[](to - from);
        uint256 offset = FloatOperands.ELEMENT_BYTES * from;
        FloatSums.fill(factors, 0, 1, inA + offset, inB + offset, to - from);
        return Terms(factors, from, length);
    }

    /// @notice Channel by channel, the factors of all places of the window. Places outside of x are zeros, which take part:
    /// zero times infinity is no number.
    function ofPatch(
        Claim calldata claim,
        Claims.Reading memory reading,
        DotShapes.Convolution memory convolution,
        uint256[8] memory index,
        Steps memory steps
    ) internal pure returns (Terms memory) {
        Steps memory all = Steps(0, StepRanges.END);
        FloatOperands.Patch memory patch = FloatOperands.patchAndFilter(claim, reading, convolution, index, all);
        uint256 places = patch.pixels.length;
        (uint256 from, uint256 to) = steps.within(patch.channels);
        uint256[] memory factors = new uint256[]((to - from) * places);
        uint256 offset = FloatOperands.ELEMENT_BYTES * from;
        for (uint256 place; place < places; ++place) {
            uint256 pixel = patch.pixels[place] == 0 ? msg.data.length : patch.pixels[place] + offset;
            uint256 filter = patch.filter + FloatOperands.ELEMENT_BYTES * patch.channels * place + offset;
            FloatSums.fill(factors, place, places, pixel, filter, to - from);
        }
        return Terms(factors, from * places, patch.channels * places);
    }
}
