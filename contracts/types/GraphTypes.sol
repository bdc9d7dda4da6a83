// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TensorHeader} from "./TensorTypes.sol";

/// Where an operand comes from.
enum Source {
    /// An optional operand that is not there.
    Absent,
    /// A tensor of the trace: an input of the model or the output of an earlier node.
    Trace,
    /// A constant of the model.
    Constant
}

/// One operand of a node.
struct Operand {
    Source source;
    /// Index in the trace; zero for a constant.
    uint32 tensor;
    /// Trace: hash of the tensor's header with a Merkle root of zero. Constant: its tensor root.
    bytes32 hash;
}

/// In which order a floating-point sum is taken.
struct Numeric {
    /// 0: bit for bit. 1: within the bound that holds for any order.
    uint8 mode;
    /// Fused multiply-add: one rounding for product and sum.
    bool fused;
    /// Products summed before the partial sum is added to the result; 0: all of them.
    uint16 block;
    /// The bias is the first summand, not the last.
    bool biasFirst;
}

/// One step of a model: an operator with one output. Node i of a graph writes trace tensor `inputs.length + i`.
struct Node {
    /// `Operators`.
    uint16 operator;
    /// ABI-encoded, as the operator's verifier says.
    bytes attributes;
    Operand[] operands;
    /// Hash of the output's header with a Merkle root of zero.
    bytes32 outputMeta;
    Numeric numeric;
}

/// An input or output of a model.
struct Port {
    /// keccak256 of the tensor's name.
    bytes32 nameHash;
    /// Index in the trace.
    uint32 tensor;
    /// Its header, with a Merkle root of zero.
    TensorHeader meta;
}

/// What a model is to the proof court. Its hash is the model's graph commitment (`docs/COURT.md`).
struct Graph {
    /// sha-256 of the registered ONNX file.
    bytes32 fileHash;
    /// Runtime, version and settings a provider must use.
    bytes32 profile;
    /// Root of the tree over ABI-encoded nodes.
    bytes32 nodesRoot;
    uint32 nodeCount;
    Port[] inputs;
    Port[] outputs;
}
