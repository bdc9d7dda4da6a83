// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TensorCommitment} from "../../../contracts/libraries/TensorCommitment.sol";
import {TestBase} from "../support/TestBase.sol";

/// What `test/libraries/TensorCommitment.ts` cannot do in numbers: trees and proofs of random shape.
contract TensorCommitmentTest is TestBase {
    function testFuzz_theRootIsThatOfTheRecursiveDefinition(bytes32[] memory hashes) external pure {
        bytes32 expected = hashes.length == 0 ? bytes32(0) : _recursiveRoot(hashes, 0, hashes.length);
        assertEq(TensorCommitment.rootOfHashes(hashes), expected, "root");
    }

    function testFuzz_aProofHoldsForItsLeafAndNoOther(bytes32 seed, uint256 count, uint256 at) external view {
        count = bound(count, 1, 40);
        at = bound(at, 0, count - 1);
        (bytes[] memory leaves, bytes32[] memory hashes) = _leaves(seed, count);
        bytes32[] memory proof = _proof(hashes, at);
        bytes32 root = _recursiveRoot(hashes, 0, count);
        for (uint256 i = 0; i < count; ++i) {
            bool holds = this.verify(root, leaves[i], at, count, proof);
            assertTrue(holds == (i == at), "the leaf at its place");
            if (i != at) assertTrue(!this.verify(root, leaves[at], i, count, proof), "the leaf elsewhere");
        }
    }

    function testFuzz_aChangedProofFails(bytes32 seed, uint256 count, uint256 at, uint256 bit) external view {
        count = bound(count, 2, 40);
        at = bound(at, 0, count - 1);
        (bytes[] memory leaves, bytes32[] memory hashes) = _leaves(seed, count);
        bytes32[] memory proof = _proof(hashes, at);
        bit = bound(bit, 0, proof.length * 256 - 1);
        proof[bit / 256] ^= bytes32(1 << (bit % 256));
        assertTrue(!this.verify(_recursiveRoot(hashes, 0, count), leaves[at], at, count, proof), "changed proof");
    }

    function testFuzz_verifyingNeverReverts(
        bytes32 root,
        bytes calldata leaf,
        uint256 index,
        uint256 count,
        bytes32[] calldata proof
    ) external view {
        assertTrue(!this.verify(root, leaf, index, count, proof), "a random proof");
    }

    function verify(
        bytes32 root,
        bytes calldata leaf,
        uint256 index,
        uint256 count,
        bytes32[] calldata proof
    ) external pure returns (bool) {
        return TensorCommitment.verifyLeaf(root, leaf, index, count, proof);
    }

    /// RFC 6962: the left part is the largest power of two below the number of leaves.
    function _recursiveRoot(bytes32[] memory hashes, uint256 from, uint256 to) private pure returns (bytes32) {
        if (to - from == 1) return hashes[from];
        uint256 middle = from + _leftPart(to - from);
        return _node(_recursiveRoot(hashes, from, middle), _recursiveRoot(hashes, middle, to));
    }

    /// Siblings from the leaf to the root.
    function _proof(bytes32[] memory hashes, uint256 at) private pure returns (bytes32[] memory proof) {
        bytes32[] memory fromRoot = new bytes32[](8);
        (uint256 from, uint256 to, uint256 depth) = (0, hashes.length, 0);
        while (to - from > 1) {
            uint256 middle = from + _leftPart(to - from);
            bool left = at < middle;
            fromRoot[depth++] = left ? _recursiveRoot(hashes, middle, to) : _recursiveRoot(hashes, from, middle);
            (from, to) = left ? (from, middle) : (middle, to);
        }
        proof = new bytes32[](depth);
        for (uint256 i = 0; i < depth; ++i) proof[i] = fromRoot[depth - 1 - i];
    }

    function _leaves(
        bytes32 seed,
        uint256 count
    ) private pure returns (bytes[] memory leaves, bytes32[] memory hashes) {
        (leaves, hashes) = (new bytes[](count), new bytes32[](count));
        for (uint256 i = 0; i < count; ++i) {
            leaves[i] = abi.encode(seed, i);
            hashes[i] = keccak256(bytes.concat(hex"00", leaves[i]));
        }
    }

    function _leftPart(uint256 size) private pure returns (uint256 part) {
        part = 1;
        while (part * 2 < size) part *= 2;
    }

    function _node(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return keccak256(bytes.concat(hex"01", left, right));
    }
}
