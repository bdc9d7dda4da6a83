// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Graph, Node, Port} from "../types/GraphTypes.sol";
import {TensorHeader} from "../types/TensorTypes.sol";
import {TensorCommitment} from "./TensorCommitment.sol";

/// @title Commitments to graphs, nodes and traces
/// @notice Specified in `docs/COURT.md`.
library GraphCommitment {
    bytes32 internal constant GRAPH_V1 = keccak256("assay.graph.v1");

    /// @notice What a model's owner commits to.
    function hash(Graph calldata graph) internal pure returns (bytes32) {
        return keccak256(abi.encode(GRAPH_V1, graph));
    }

    /// @notice Leaf hash of a node in the tree of a graph's nodes.
    function nodeHash(Node calldata node) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(0), abi.encode(node)));
    }

    /// @notice What a node says of a tensor before there is one.
    function metaHash(TensorHeader memory header) internal pure returns (bytes32 metaHash_) {
        bytes32 root = header.merkleRoot;
        header.merkleRoot = 0;
        metaHash_ = TensorCommitment.hashHeader(header);
        header.merkleRoot = root;
    }

    /// @notice The commitment of a job to the tensors of these ports, had they these Merkle roots.
    function bundleOf(Port[] calldata ports, bytes32[] calldata roots) internal pure returns (bytes32) {
        bytes32[] memory names = new bytes32[](ports.length);
        bytes32[] memory tensorRoots = new bytes32[](ports.length);
        for (uint256 i = 0; i < ports.length; ++i) {
            TensorHeader memory header = ports[i].meta;
            header.merkleRoot = roots[ports[i].tensor];
            (names[i], tensorRoots[i]) = (ports[i].nameHash, TensorCommitment.hashHeader(header));
        }
        return TensorCommitment.bundleRoot(names, tensorRoots);
    }
}
