// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Node} from "./GraphTypes.sol";
import {TensorHeader} from "./TensorTypes.sol";

/// One leaf of a tensor that a claim is about, with its proof.
struct Opening {
    /// Operand of the node; the number of operands means the output.
    uint16 operand;
    uint32 leaf;
    bytes data;
    bytes32[] proof;
}

/// The claim that one output element of a node contradicts the node's operands. Headers and openings are proven
/// before a verifier sees them.
struct Claim {
    Node node;
    /// Of each operand, then of the output. The header of an absent operand is empty.
    TensorHeader[] headers;
    /// Row-major index in the output.
    uint256 element;
    /// First the output's leaf, then operands' leaves in the order in which the verifier reads them.
    Opening[] openings;
}
