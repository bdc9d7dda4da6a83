// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TensorCommitment} from "../libraries/TensorCommitment.sol";
import {TensorLayout} from "../libraries/TensorLayout.sol";
import {TensorHeader} from "../types/TensorTypes.sol";

contract TensorCommitmentHarness {
    bytes32 public constant TENSOR_V1 = TensorCommitment.TENSOR_V1;
    bytes32 public constant BUNDLE_V1 = TensorCommitment.BUNDLE_V1;

    function elementBytes(uint8 dtype) external pure returns (uint256) {
        return TensorCommitment.elementBytes(dtype);
    }

    function leafHash(bytes calldata leaf) external pure returns (bytes32) {
        return TensorCommitment.leafHash(leaf);
    }

    function nodeHash(bytes32 left, bytes32 right) external pure returns (bytes32) {
        return TensorCommitment.nodeHash(left, right);
    }

    function rootOfLeaves(bytes[] calldata leaves) external pure returns (bytes32) {
        return TensorCommitment.rootOfLeaves(leaves);
    }

    function rootOfData(bytes calldata data) external pure returns (bytes32) {
        return TensorCommitment.rootOfData(data);
    }

    function verifyLeaf(
        bytes32 merkleRoot,
        bytes calldata leaf,
        uint256 index,
        uint256 nLeaves,
        bytes32[] calldata proof
    ) external pure returns (bool) {
        return TensorCommitment.verifyLeaf(merkleRoot, leaf, index, nLeaves, proof);
    }

    function requireLeaf(
        TensorHeader calldata header,
        bytes calldata leaf,
        uint256 index,
        bytes32[] calldata proof
    ) external pure {
        TensorCommitment.requireLeaf(header, leaf, index, proof);
    }

    function isWellFormed(TensorHeader calldata header) external pure returns (bool) {
        return TensorCommitment.isWellFormed(header);
    }

    function isCanonicalLeaf(
        TensorHeader calldata header,
        bytes calldata leaf,
        uint256 index
    ) external pure returns (bool) {
        return TensorCommitment.isCanonicalLeaf(header, leaf, index);
    }

    function hashHeader(TensorHeader calldata header) external pure returns (bytes32) {
        return TensorCommitment.hashHeader(header);
    }

    function tensorRoot(TensorHeader calldata header) external pure returns (bytes32) {
        return TensorCommitment.tensorRoot(header);
    }

    function tensorRootOfData(
        uint8 dtype,
        uint32[] calldata dims,
        bytes calldata data
    ) external pure returns (bytes32) {
        return TensorCommitment.tensorRootOfData(dtype, dims, data);
    }

    function bundleRoot(bytes32[] calldata nameHashes, bytes32[] calldata roots) external pure returns (bytes32) {
        return TensorCommitment.bundleRoot(nameHashes, roots);
    }

    /// @notice Leaf and place of each element of a tensor, in row-major order.
    function locateAll(
        TensorHeader calldata header
    ) external pure returns (uint256[] memory leaves, uint256[] memory places) {
        uint256 count = TensorCommitment.elementCount(header);
        (leaves, places) = (new uint256[](count), new uint256[](count));
        for (uint256 i; i < count; ++i) (leaves[i], places[i]) = TensorLayout.locate(header, i);
    }

    function leafBytes(TensorHeader calldata header) external pure returns (uint256) {
        return TensorLayout.leafBytes(header, TensorCommitment.elementBytes(header.dtype));
    }
}
