// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IOperatorVerifier} from "./IOperatorVerifier.sol";
import {Claim} from "../types/CourtTypes.sol";

/// @title Judges sums that are too long for one transaction
/// @notice A sum has steps, counted from zero, which the verifier's documentation names for each operator. Calls take them
/// in order; the openings of each are the output's leaf and those that its own steps read. Stateless: what was added up so
/// far is given back to the caller, who must have it from this verifier and for this very claim.
interface IPartialVerifier is IOperatorVerifier {
    /// @notice Adds steps `from` to `to` - 1. Reverts if `from` is not below `to`, if the sum has fewer steps than `to`, or
    /// if the operator's sum cannot be taken in parts. With the greatest `to`, 2^256 - 1, which no sum has, it adds all from
    /// `from` on, of which there may be none left: no call takes a `from` that high, so what this gives neither goes on nor
    /// contradicts anything.
    /// @param sum What the call for the steps before gave; nothing if `from` is zero.
    function accumulate(
        Claim calldata claim,
        uint256 from,
        uint256 to,
        bytes calldata sum
    ) external view returns (bytes memory);

    /// @notice Adds the steps from `from` on, of which there may be none left, and says whether the element contradicts the
    /// whole sum.
    function contradictsAfter(Claim calldata claim, uint256 from, bytes calldata sum) external view returns (bool);
}
