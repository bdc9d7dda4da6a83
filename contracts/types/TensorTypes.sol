// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// What a tensor root commits to (`docs/COMMITMENTS.md`).
struct TensorHeader {
    /// Data type as numbered by ONNX.
    uint8 dtype;
    /// At most 8; a scalar has rank 0.
    uint8 rank;
    /// Zero beyond the rank.
    uint32[8] dims;
    /// Where elements lie in leaves: `TensorLayout`.
    uint8 layout;
    /// Elements per leaf.
    uint32 chunkElems;
    uint32 nLeaves;
    /// Zero for a tensor without elements.
    bytes32 merkleRoot;
}
