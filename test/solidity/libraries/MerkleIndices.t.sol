// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TensorCommitment} from "../../../contracts/libraries/TensorCommitment.sol";
import {TestBase} from "../support/TestBase.sol";

/// Every tree of up to 1,100 leaves: a proof holds at its own index and at no other.
contract MerkleIndicesTest is TestBase {
    uint256 private constant MOST_LEAVES = 1100;
    /// Up to here, and around 256, every proof is tried at every index.
    uint256 private constant MOST_PAIRS = 70;
    uint256 private constant FANOUT = 256;

    function test_everyIndexOfEveryTreeProvesAndItsNeighboursDoNot() external view {
        for (uint256 count = 1; count <= MOST_LEAVES; ++count) this.checkTree(count);
    }

    function test_noProofHoldsAtAnyOtherIndex() external view {
        for (uint256 count = 1; count <= MOST_PAIRS; ++count) this.checkPairs(count);
        this.checkPairs(FANOUT - 1);
        this.checkPairs(FANOUT);
        this.checkPairs(FANOUT + 1);
    }

    function test_everyPartOfEveryTreeProvesOnItsLevel() external view {
        for (uint256 count = 2; count <= MOST_LEAVES; ++count) this.checkParts(count, 1);
        this.checkParts(FANOUT ** 2 - 1, 2);
        this.checkParts(FANOUT ** 2, 2);
        this.checkParts(FANOUT ** 2 + 1, 2);
    }

    /// External, so that each tree begins with empty memory.
    function checkTree(uint256 count) external view {
        (bytes32 root, bytes32[] memory nodes, bytes32[][] memory proofs) = _tree(count);
        (uint256 placed, uint256 misplaced) = this.holding(root, nodes, proofs);
        assertEq(placed, count, "each at its index");
        assertEq(misplaced, 0, "one beside its index");
    }

    function checkPairs(uint256 count) external view {
        (bytes32 root, bytes32[] memory nodes, bytes32[][] memory proofs) = _tree(count);
        assertEq(this.misplacedAnywhere(root, nodes, proofs), 0, "one at another index");
    }

    /// Parts of the highest level that a court asks for: each spans 256^level leaves.
    function checkParts(uint256 count, uint256 level) external view {
        bytes32[][] memory levels = _levels(count);
        uint256 span = FANOUT ** level;
        uint256 width = (count + span - 1) / span;
        (bytes32[] memory nodes, bytes32[][] memory proofs) = (new bytes32[](width), new bytes32[][](width));
        for (uint256 i = 0; i < width; ++i) {
            nodes[i] = TensorCommitment.rootOfHashes(_children(levels, 8 * (level - 1), i));
            proofs[i] = _proof(levels, 8 * level, i);
        }
        bytes32 root = levels[levels.length - 1][0];
        (uint256 placed, ) = this.holding(root, nodes, proofs);
        assertEq(placed, width, "each part at its index");
        assertEq(this.misplacedAnywhere(root, nodes, proofs), 0, "a part at another index");
    }

    /// How many proofs hold at their own index, and how many where a slip would put them: at the sibling's, a whole tree
    /// further.
    function holding(
        bytes32 root,
        bytes32[] calldata nodes,
        bytes32[][] calldata proofs
    ) external pure returns (uint256 placed, uint256 misplaced) {
        uint256 count = nodes.length;
        for (uint256 i = 0; i < count; ++i) {
            (bytes32 node, bytes32[] calldata proof) = (nodes[i], proofs[i]);
            if (TensorCommitment.verifyHash(root, node, i, count, proof)) ++placed;
            if (TensorCommitment.verifyHash(root, node, i ^ 1, count, proof)) ++misplaced;
            if (TensorCommitment.verifyHash(root, node, i + count, count, proof)) ++misplaced;
        }
    }

    /// How many hold at any other index, or just beyond the last.
    function misplacedAnywhere(
        bytes32 root,
        bytes32[] calldata nodes,
        bytes32[][] calldata proofs
    ) external pure returns (uint256 found) {
        uint256 count = nodes.length;
        for (uint256 i = 0; i < count; ++i) {
            for (uint256 at = 0; at < count + 2; ++at) {
                if (at != i && TensorCommitment.verifyHash(root, nodes[i], at, count, proofs[i])) ++found;
            }
        }
    }

    /// Leaves and their proofs.
    function _tree(
        uint256 count
    ) private pure returns (bytes32 root, bytes32[] memory nodes, bytes32[][] memory proofs) {
        bytes32[][] memory levels = _levels(count);
        (root, nodes, proofs) = (levels[levels.length - 1][0], levels[0], new bytes32[][](count));
        for (uint256 i = 0; i < count; ++i) proofs[i] = _proof(levels, 0, i);
    }

    /// RFC 6962, from the leaves up: a node without a sibling moves up as it is.
    function _levels(uint256 count) private pure returns (bytes32[][] memory levels) {
        uint256 height = 1;
        for (uint256 width = count; width > 1; width = (width + 1) / 2) ++height;
        levels = new bytes32[][](height);
        levels[0] = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) levels[0][i] = bytes32(i + 1);
        for (uint256 level = 1; level < height; ++level) {
            bytes32[] memory below = levels[level - 1];
            bytes32[] memory above = new bytes32[]((below.length + 1) / 2);
            for (uint256 i = 0; i < above.length; ++i) {
                bool alone = 2 * i + 1 == below.length;
                above[i] = alone ? below[2 * i] : TensorCommitment.nodeHash(below[2 * i], below[2 * i + 1]);
            }
            levels[level] = above;
        }
    }

    function _proof(
        bytes32[][] memory levels,
        uint256 from,
        uint256 index
    ) private pure returns (bytes32[] memory proof) {
        proof = new bytes32[](levels.length);
        uint256 used = 0;
        for (uint256 level = from; level + 1 < levels.length; ++level) {
            uint256 beside = index ^ 1;
            if (beside < levels[level].length) proof[used++] = levels[level][beside];
            index /= 2;
        }
        assembly ("memory-safe") {
            mstore(proof, used)
        }
    }

    function _children(
        bytes32[][] memory levels,
        uint256 height,
        uint256 index
    ) private pure returns (bytes32[] memory children) {
        bytes32[] memory level = levels[height < levels.length ? height : levels.length - 1];
        uint256 first = FANOUT * index;
        uint256 left = level.length - first;
        children = new bytes32[](left < FANOUT ? left : FANOUT);
        for (uint256 i = 0; i < children.length; ++i) children[i] = level[first + i];
    }
}
