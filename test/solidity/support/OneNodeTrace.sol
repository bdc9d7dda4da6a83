// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IProofCourt} from "../../../contracts/interfaces/IProofCourt.sol";
import {TensorCommitment} from "../../../contracts/libraries/TensorCommitment.sol";
import {CaseFacts} from "../../../contracts/types/DisputeTypes.sol";
import {Graph, Node, Port} from "../../../contracts/types/GraphTypes.sol";
import {TensorHeader} from "../../../contracts/types/TensorTypes.sol";

/// The least that a case can be about: a model of one input and one node, whose output has two leaves of zeros; and the
/// calls of a court that move such a case on. The provider is the test itself.
abstract contract OneNodeTrace {
    uint8 private constant _BYTES = 2;
    uint32 private constant _LEAF = 1024;

    function _facts(uint48 challengeableUntil) internal view returns (CaseFacts memory facts) {
        facts.provider = address(this);
        facts.challengeableUntil = challengeableUntil;
        (facts.inputCommitment, facts.outputCommitment) = (_bundle("x"), _bundle("y"));
    }

    function _graphHash() internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("assay.graph.v1"), _graph()));
    }

    function _postCall(uint256 caseId, CaseFacts memory facts) internal pure returns (bytes memory) {
        bytes32[] memory roots = new bytes32[](2);
        (roots[0], roots[1]) = (_root(), _root());
        return abi.encodeCall(IProofCourt.postTrace, (caseId, facts, _graph(), roots));
    }

    function _demandCall(uint256 caseId, uint32 leaf) internal pure returns (bytes memory) {
        return abi.encodeCall(IProofCourt.demand, (caseId, _trace(), _part(leaf), _node(), new bytes32[](0), _meta()));
    }

    function _showCall(uint256 caseId, uint32 leaf) internal pure returns (bytes memory) {
        bytes32[] memory beside = new bytes32[](1);
        beside[0] = _leafHash();
        bytes32[] memory traceProof = new bytes32[](1);
        traceProof[0] = _root();
        return
            abi.encodeCall(
                IProofCourt.revealLeaf,
                (caseId, _trace(), _part(leaf), new bytes(_LEAF), beside, _root(), traceProof)
            );
    }

    function _silenceCall(uint256 caseId, uint32 leaf) internal pure returns (bytes memory) {
        return abi.encodeCall(IProofCourt.proveSilence, (caseId, _part(leaf)));
    }

    function _trace() private pure returns (IProofCourt.TraceFacts memory) {
        return IProofCourt.TraceFacts(TensorCommitment.nodeHash(_root(), _root()), _graph().nodesRoot, 1, 1);
    }

    function _part(uint32 leaf) private pure returns (IProofCourt.Part memory part) {
        (part.tensor, part.index) = (1, leaf);
    }

    function _graph() private pure returns (Graph memory graph) {
        graph.nodesRoot = keccak256(abi.encodePacked(uint8(0), abi.encode(_node())));
        graph.nodeCount = 1;
        (graph.inputs, graph.outputs) = (new Port[](1), new Port[](1));
        graph.inputs[0] = Port(keccak256("x"), 0, _meta());
        graph.outputs[0] = Port(keccak256("y"), 1, _meta());
    }

    function _node() private pure returns (Node memory node) {
        node.outputMeta = TensorCommitment.hashHeader(_meta());
    }

    function _meta() private pure returns (TensorHeader memory meta) {
        (meta.dtype, meta.rank, meta.chunkElems, meta.nLeaves) = (_BYTES, 1, _LEAF, 2);
        meta.dims[0] = 2 * _LEAF;
    }

    function _bundle(string memory name) private pure returns (bytes32) {
        (bytes32[] memory names, bytes32[] memory roots) = (new bytes32[](1), new bytes32[](1));
        TensorHeader memory header = _meta();
        header.merkleRoot = _root();
        (names[0], roots[0]) = (keccak256(bytes(name)), TensorCommitment.hashHeader(header));
        return TensorCommitment.bundleRoot(names, roots);
    }

    function _root() private pure returns (bytes32) {
        return TensorCommitment.nodeHash(_leafHash(), _leafHash());
    }

    function _leafHash() private pure returns (bytes32) {
        return keccak256(new bytes(1 + _LEAF));
    }
}
