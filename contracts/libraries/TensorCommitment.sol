// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TensorLayout} from "./TensorLayout.sol";
import {TensorHeader} from "../types/TensorTypes.sol";

/// @title Commitments to tensors and proofs about their parts
/// @notice The same as `sdk/src/tensor`, specified in `docs/COMMITMENTS.md`.
library TensorCommitment {
    bytes32 internal constant TENSOR_V1 = keccak256("assay.tensor.v1");
    bytes32 internal constant BUNDLE_V1 = keccak256("assay.bundle.v1");

    uint8 internal constant FLOAT = 1;
    uint8 internal constant BOOL = 9;
    uint8 internal constant FLOAT16 = 10;
    uint8 internal constant DOUBLE = 11;

    uint256 internal constant MAX_RANK = 8;
    /// @notice Bytes of a row-major leaf, `TensorLayout.ROW_MAJOR_BYTES`; assembly takes no names of other libraries.
    uint256 internal constant LEAF_BYTES = 1024;

    /// @dev Byte i is the size of an element whose ONNX code is i, zero if not supported.
    bytes32 private constant ELEMENT_BYTES = 0x0004010102020408000102080408000000000000000000000000000000000000;

    error TensorCommitment_UnsupportedDtype(uint8 dtype);
    error TensorCommitment_RankTooLarge(uint256 rank);
    error TensorCommitment_WrongDataLength(uint256 length, uint256 elements);
    error TensorCommitment_MalformedHeader();
    error TensorCommitment_WrongLeafLength(uint256 length, uint256 expected);
    error TensorCommitment_InvalidProof();
    error TensorCommitment_WrongBundleLength(uint256 names, uint256 roots);

    /// @notice Bytes of one element, zero for a data type that is not supported.
    function elementBytes(uint8 dtype) internal pure returns (uint256) {
        return dtype < 32 ? uint8(ELEMENT_BYTES[dtype]) : 0;
    }

    /// @notice keccak256(0x00 || leaf)
    function leafHash(bytes calldata leaf) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore8(start, 0)
            calldatacopy(add(start, 1), leaf.offset, leaf.length)
            hash := keccak256(start, add(leaf.length, 1))
        }
    }

    /// @notice keccak256(0x01 || left || right)
    function nodeHash(bytes32 left, bytes32 right) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore8(start, 1)
            mstore(add(start, 1), left)
            mstore(add(start, 33), right)
            hash := keccak256(start, 65)
        }
    }

    /// @notice Root of the RFC 6962 tree over hashed leaves; zero for none.
    /// @dev Overwrites `hashes`.
    function rootOfHashes(bytes32[] memory hashes) internal pure returns (bytes32) {
        uint256 width = hashes.length;
        if (width == 0) return 0;
        while (width > 1) {
            uint256 pairs = width / 2;
            for (uint256 i; i < pairs; ++i) hashes[i] = nodeHash(hashes[2 * i], hashes[2 * i + 1]);
            if (width & 1 == 1) hashes[pairs] = hashes[width - 1];
            width -= pairs;
        }
        return hashes[0];
    }

    /// @notice Root over leaves given in full.
    function rootOfLeaves(bytes[] calldata leaves) internal pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](leaves.length);
        for (uint256 i; i < hashes.length; ++i) hashes[i] = leafHash(leaves[i]);
        return rootOfHashes(hashes);
    }

    /// @notice Root over `data` cut into leaves, the last one filled up with zeros.
    function rootOfData(bytes calldata data) internal pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[]((data.length + LEAF_BYTES - 1) / LEAF_BYTES);
        for (uint256 i; i < hashes.length; ++i) {
            uint256 from = i * LEAF_BYTES;
            uint256 rest = data.length - from;
            hashes[i] = _paddedLeafHash(data[from:from + (rest < LEAF_BYTES ? rest : LEAF_BYTES)]);
        }
        return rootOfHashes(hashes);
    }

    /// @notice Whether `leaf` is leaf `index` of the `nLeaves` under `merkleRoot`.
    /// @dev Never reverts: false for a wrong root, an index out of range and a proof of the wrong length alike.
    function verifyLeaf(
        bytes32 merkleRoot,
        bytes calldata leaf,
        uint256 index,
        uint256 nLeaves,
        bytes32[] calldata proof
    ) internal pure returns (bool) {
        return verifyHash(merkleRoot, leafHash(leaf), index, nLeaves, proof);
    }

    /// @notice Whether `node` is number `index` of the `width` nodes of one level under `merkleRoot`.
    /// @dev Never reverts, as `verifyLeaf`.
    function verifyHash(
        bytes32 merkleRoot,
        bytes32 node,
        uint256 index,
        uint256 width,
        bytes32[] calldata proof
    ) internal pure returns (bool) {
        if (index >= width) return false;
        uint256 used;
        // Hot in disputes, where every operand is opened; no step can overflow, as index < width.
        unchecked {
            for (; width > 1; width -= width / 2) {
                if (index & 1 == 1 || index + 1 < width) {
                    if (used == proof.length) return false;
                    assembly ("memory-safe") {
                        let start := mload(0x40)
                        let side := shl(5, and(index, 1))
                        mstore8(start, 1)
                        mstore(add(add(start, 1), side), node)
                        mstore(add(add(start, 1), xor(side, 32)), calldataload(add(proof.offset, shl(5, used))))
                        node := keccak256(start, 65)
                    }
                    ++used;
                }
                index >>= 1;
            }
        }
        return used == proof.length && node == merkleRoot;
    }

    /// @notice Reverts unless `leaf` is leaf `index` of the tensor, in full length.
    function requireLeaf(
        TensorHeader memory header,
        bytes calldata leaf,
        uint256 index,
        bytes32[] calldata proof
    ) internal pure {
        uint256 expected = TensorLayout.leafBytes(header, elementBytes(header.dtype));
        if (leaf.length != expected) revert TensorCommitment_WrongLeafLength(leaf.length, expected);
        if (!verifyLeaf(header.merkleRoot, leaf, index, header.nLeaves, proof)) revert TensorCommitment_InvalidProof();
    }

    /// @notice Number of elements.
    function elementCount(TensorHeader memory header) internal pure returns (uint256) {
        return TensorLayout.product(header, 0, header.rank);
    }

    /// @notice Whether an honest party could have committed to this header. A committed header that is not
    /// well-formed proves its author wrong.
    function isWellFormed(TensorHeader memory header) internal pure returns (bool) {
        uint256 size = elementBytes(header.dtype);
        if (header.rank > MAX_RANK) return false;
        for (uint256 i = header.rank; i < MAX_RANK; ++i) {
            if (header.dims[i] != 0) return false;
        }
        (uint256 perLeaf, uint256 count) = TensorLayout.chunking(header, size);
        if (perLeaf == 0 || header.chunkElems != perLeaf || header.nLeaves != count) return false;
        return header.nLeaves > 0 || header.merkleRoot == 0;
    }

    /// @notice Whether an honest party could have committed to `leaf` as leaf `index` of a well-formed header:
    /// full length, zeros behind the last element, only the canonical NaN, bools of 0 and 1. Always in
    /// reversed layouts: they are for constants, which the model's commitment fixes byte by byte; a graph that has them
    /// elsewhere must not convict who served it.
    function isCanonicalLeaf(
        TensorHeader memory header,
        bytes calldata leaf,
        uint256 index
    ) internal pure returns (bool) {
        uint256 size = elementBytes(header.dtype);
        if (leaf.length != TensorLayout.leafBytes(header, size)) return false;
        if (TensorLayout.isReversed(header.layout)) return true;
        uint256 left = elementCount(header) - index * header.chunkElems;
        uint256 used = (left < header.chunkElems ? left : header.chunkElems) * size;
        if (!_isZero(leaf[used:])) return false;
        if (header.dtype == BOOL) return _areBools(leaf[:used]);
        if (header.dtype == FLOAT) return _hasCanonicalNaNs(leaf[:used], size, 0x7f80, 0x7fc0);
        if (header.dtype == DOUBLE) return _hasCanonicalNaNs(leaf[:used], size, 0x7ff0, 0x7ff8);
        if (header.dtype == FLOAT16) return _hasCanonicalNaNs(leaf[:used], size, 0x7c00, 0x7e00);
        return true;
    }

    /// @notice Hash of a header as it stands, well-formed or not.
    function hashHeader(TensorHeader memory header) internal pure returns (bytes32) {
        return keccak256(abi.encode(TENSOR_V1, header));
    }

    /// @notice Root of a tensor; reverts if no honest party could have committed to it.
    function tensorRoot(TensorHeader memory header) internal pure returns (bytes32) {
        if (!isWellFormed(header)) revert TensorCommitment_MalformedHeader();
        return hashHeader(header);
    }

    /// @notice Root of a tensor given in full: row-major little-endian bytes, NaNs canonical already.
    function tensorRootOfData(
        uint8 dtype,
        uint32[] calldata dims,
        bytes calldata data
    ) internal pure returns (bytes32) {
        uint256 size = elementBytes(dtype);
        if (size == 0) revert TensorCommitment_UnsupportedDtype(dtype);
        if (dims.length > MAX_RANK) revert TensorCommitment_RankTooLarge(dims.length);

        TensorHeader memory header;
        header.dtype = dtype;
        header.rank = uint8(dims.length);
        for (uint256 i; i < dims.length; ++i) header.dims[i] = dims[i];
        header.layout = TensorLayout.ROW_MAJOR;
        header.chunkElems = uint32(LEAF_BYTES / size);
        uint256 count = elementCount(header);
        if (data.length % size != 0 || data.length / size != count) {
            revert TensorCommitment_WrongDataLength(data.length, count);
        }
        header.nLeaves = uint32((data.length + LEAF_BYTES - 1) / LEAF_BYTES);
        header.merkleRoot = rootOfData(data);
        return hashHeader(header);
    }

    /// @notice Root of all inputs, or all outputs, of a job, in the order of the model's signature.
    /// @param nameHashes keccak256 of the tensors' names
    function bundleRoot(bytes32[] memory nameHashes, bytes32[] memory roots) internal pure returns (bytes32) {
        if (nameHashes.length != roots.length) {
            revert TensorCommitment_WrongBundleLength(nameHashes.length, roots.length);
        }
        return keccak256(abi.encode(BUNDLE_V1, nameHashes, roots));
    }

    function _paddedLeafHash(bytes calldata chunk) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore8(start, 0)
            calldatacopy(add(start, 1), chunk.offset, chunk.length)
            // Copying from behind the end of the calldata writes zeros.
            calldatacopy(add(add(start, 1), chunk.length), calldatasize(), sub(LEAF_BYTES, chunk.length))
            hash := keccak256(start, add(LEAF_BYTES, 1))
        }
    }

    function _isZero(bytes calldata data) private pure returns (bool) {
        uint256 i;
        for (; i + 32 <= data.length; i += 32) {
            if (bytes32(data[i:i + 32]) != 0) return false;
        }
        for (; i < data.length; ++i) {
            if (data[i] != 0) return false;
        }
        return true;
    }

    function _areBools(bytes calldata data) private pure returns (bool) {
        for (uint256 i; i < data.length; ++i) {
            if (uint8(data[i]) > 1) return false;
        }
        return true;
    }

    /// @param infinity upper 16 bits of positive infinity
    /// @param nan upper 16 bits of the canonical NaN, whose lower bits are zero
    function _hasCanonicalNaNs(
        bytes calldata data,
        uint256 size,
        uint256 infinity,
        uint256 nan
    ) private pure returns (bool) {
        for (uint256 end = size; end <= data.length; end += size) {
            uint256 upper = (uint256(uint8(data[end - 1])) << 8) | uint8(data[end - 2]);
            uint256 magnitude = upper & 0x7fff;
            if (magnitude < infinity) continue;
            bool lowerIsZero = _isZero(data[end - size:end - 2]);
            if (magnitude == infinity && lowerIsZero) continue;
            if (upper != nan || !lowerIsZero) return false;
        }
        return true;
    }
}
