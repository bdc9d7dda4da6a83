// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TensorCommitment} from "../libraries/TensorCommitment.sol";
import {Graph, Node} from "../types/GraphTypes.sol";

contract GraphHarness {
    bytes32 public constant GRAPH_V1 = keccak256("assay.graph.v1");

    function hashGraph(Graph calldata graph) external pure returns (bytes32) {
        return keccak256(abi.encode(GRAPH_V1, graph));
    }

    function encodeNode(Node calldata node) external pure returns (bytes memory) {
        return abi.encode(node);
    }

    function nodesRoot(Node[] calldata nodes) external pure returns (bytes32) {
        bytes32[] memory leaves = new bytes32[](nodes.length);
        for (uint256 i; i < nodes.length; ++i) leaves[i] = keccak256(bytes.concat(hex"00", abi.encode(nodes[i])));
        return TensorCommitment.rootOfHashes(leaves);
    }
}
