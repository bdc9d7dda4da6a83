// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Claim} from "../types/CourtTypes.sol";

/// @title Judges claims about one family of ONNX operators
/// @notice Stateless: recomputes one output element from its operands. The court proved every header and opening
/// against the trace and the model before it asks.
interface IOperatorVerifier {
    /// @notice Whether the element contradicts the operands. Reverts if an opening is missing, or if the node breaks the
    /// rules of its operator: a claim that cannot be judged convicts nobody.
    function contradicts(Claim calldata claim) external view returns (bool);
}
