// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IPaymentEscrow} from "../../interfaces/IPaymentEscrow.sol";
import {IProofCourt} from "../../interfaces/IProofCourt.sol";
import {DefenceGas} from "../../libraries/DefenceGas.sol";
import {GraphCommitment} from "../../libraries/GraphCommitment.sol";
import {TensorCommitment} from "../../libraries/TensorCommitment.sol";
import {TensorLayout} from "../../libraries/TensorLayout.sol";
import {Ruling} from "../../types/DisputeTypes.sol";
import {Node} from "../../types/GraphTypes.sol";
import {TensorHeader} from "../../types/TensorTypes.sol";
import {CourtLedger} from "./CourtLedger.sol";

/// @title What a provider has to show of its trace
/// @notice Each part is shown once, to everybody. A part that is not shown in time convicts.
abstract contract TraceDemands is CourtLedger {
    using SafeCast for uint256;

    /// @dev Hashes shown at once.
    uint256 private constant _FANOUT = 256;

    IPaymentEscrow public immutable ESCROW;
    /// @notice Token of fees, bonds and rewards.
    address public immutable STAKE_TOKEN;
    /// @inheritdoc IProofCourt
    uint64 public immutable GAS_VALUE;

    mapping(bytes32 part => Demand) private _demands;

    /// @dev What was shown is shown: who copies an answer out of a batch, and is first with it, must not make the batch fail.
    modifier unlessAnswered(uint256 caseId, Part calldata part) {
        if (!_demands[_key(caseId, part)].answered) _;
    }

    constructor(IPaymentEscrow escrow, address stakeToken, uint64 gasValue) {
        if (stakeToken == address(0)) revert ProofCourt_ZeroAddress();
        // Challenges and demands cost the provider gas and must not be free.
        if (gasValue == 0) revert ProofCourt_ZeroGasValue();
        (uint128 bond, uint128 least) = (DISPUTES.CHALLENGE_BOND(), DefenceGas.leastBond(gasValue));
        if (bond < least) revert ProofCourt_BondTooSmall(bond, least);
        (ESCROW, STAKE_TOKEN, GAS_VALUE) = (escrow, stakeToken, gasValue);
    }

    /// @inheritdoc IProofCourt
    function demand(
        uint256 caseId,
        TraceFacts calldata trace,
        Part calldata part,
        Node calldata node,
        bytes32[] calldata nodeProof,
        TensorHeader memory meta
    ) external whileOpen(caseId) {
        _requireTrace(caseId, trace);
        CourtCase storage case_ = _cases[caseId];
        if (block.timestamp > _lastDemandAt(case_)) revert ProofCourt_TooLate(caseId, _lastDemandAt(case_));
        _requireMeta(trace, part.tensor, node, nodeProof, meta);
        uint256 width = _width(meta.nLeaves, part.level);
        // Level k has something to show only if level k - 1 has more than one node.
        if (part.level > 0 && _width(meta.nLeaves, part.level - 1) < 2) width = 0;
        if (part.index >= width) revert ProofCourt_OutOfRange(part.index, width);
        Demand storage demand_ = _demands[_key(caseId, part)];
        if (demand_.deadline != 0) revert ProofCourt_AlreadyDemanded(caseId, part);

        uint48 deadline = uint48(block.timestamp) + REPLY_PERIOD;
        uint16 leafWords = _leafWords(meta);
        (demand_.demander, demand_.deadline) = (msg.sender, uint40(deadline));
        (demand_.leafCount, demand_.leafWords) = (meta.nLeaves, leafWords);
        ++case_.pending;

        emit PartDemanded(caseId, msg.sender, part, deadline);

        ESCROW.hold(STAKE_TOKEN, msg.sender, _feeOf(part, meta.nLeaves, leafWords));
    }

    /// @inheritdoc IProofCourt
    function revealChildren(
        uint256 caseId,
        TraceFacts calldata trace,
        Part calldata part,
        bytes32[] calldata children,
        bytes32[] calldata proof,
        bytes32 merkleRoot,
        bytes32[] calldata traceProof
    ) external whileOpen(caseId) unlessAnswered(caseId, part) {
        uint256 leafCount = _answer(caseId, trace, part, merkleRoot, traceProof).leafCount;
        if (part.level == 0) revert ProofCourt_NotDemanded(caseId, part);
        uint256 expected = _childCount(part, leafCount);
        if (children.length != expected) revert ProofCourt_WrongChildren(children.length, expected);
        bytes32 node = TensorCommitment.rootOfHashes(children);
        uint256 width = _width(leafCount, part.level);
        if (!TensorCommitment.verifyHash(merkleRoot, node, part.index, width, proof)) revert ProofCourt_NotProven(node);

        emit ChildrenRevealed(caseId, part, children);
    }

    /// @inheritdoc IProofCourt
    function revealLeaf(
        uint256 caseId,
        TraceFacts calldata trace,
        Part calldata part,
        bytes calldata leaf,
        bytes32[] calldata proof,
        bytes32 merkleRoot,
        bytes32[] calldata traceProof
    ) external whileOpen(caseId) unlessAnswered(caseId, part) {
        Demand storage demand_ = _answer(caseId, trace, part, merkleRoot, traceProof);
        if (part.level != 0) revert ProofCourt_NotDemanded(caseId, part);
        // No claim takes a leaf of another length, and whoever commits to one must not get away with showing it.
        uint256 expected = uint256(demand_.leafWords) * 32;
        if (leaf.length != expected) revert TensorCommitment.TensorCommitment_WrongLeafLength(leaf.length, expected);
        if (!TensorCommitment.verifyLeaf(merkleRoot, leaf, part.index, demand_.leafCount, proof)) {
            revert ProofCourt_NotProven(TensorCommitment.leafHash(leaf));
        }

        emit LeafRevealed(caseId, part, leaf);
    }

    /// @inheritdoc IProofCourt
    function proveSilence(uint256 caseId, Part calldata part) external whileOpen(caseId) {
        Demand storage demand_ = _demands[_key(caseId, part)];
        if (demand_.deadline == 0) revert ProofCourt_NotDemanded(caseId, part);
        if (demand_.answered) revert ProofCourt_AlreadyAnswered(caseId, part);
        if (block.timestamp <= demand_.deadline) revert ProofCourt_NotOverdue(caseId, part, demand_.deadline);

        (_cases[caseId].party, _cases[caseId].stage) = (demand_.demander, Stage.Silent);

        emit SilenceProven(caseId, demand_.demander, part);
    }

    /// @inheritdoc IProofCourt
    function payDemandFee(uint256 caseId, Part calldata part) external {
        (Ruling ruling, ) = rulingOf(caseId);
        // A conviction stands whatever is carried out; an acquittal only once it is: a second signature still convicts.
        if (ruling != Ruling.Upheld) ruling = DISPUTES.caseOf(caseId).ruling;
        if (ruling == Ruling.None) revert ProofCourt_NotOver(caseId);
        bytes32 key = _key(caseId, part);
        Demand memory demand_ = _demands[key];
        if (demand_.demander == address(0)) revert ProofCourt_NotDemanded(caseId, part);

        delete _demands[key];
        address to = ruling == Ruling.Rejected ? _cases[caseId].party : demand_.demander;
        uint128 fee = _feeOf(part, demand_.leafCount, demand_.leafWords);

        emit DemandFeePaid(caseId, to, fee);

        ESCROW.credit(STAKE_TOKEN, to, fee);
    }

    /// @inheritdoc IProofCourt
    function demandOf(uint256 caseId, Part calldata part) external view returns (Demand memory) {
        return _demands[_key(caseId, part)];
    }

    /// @inheritdoc IProofCourt
    function demandFeeOf(Part calldata part, TensorHeader calldata meta) external view returns (uint128) {
        return _feeOf(part, meta.nLeaves, _leafWords(meta));
    }

    /// @dev Checks that the demand is open and that the tensor has this Merkle root, and marks it as answered. An
    /// answer after the deadline is taken as long as nobody proved the silence.
    function _answer(
        uint256 caseId,
        TraceFacts calldata trace,
        Part calldata part,
        bytes32 merkleRoot,
        bytes32[] calldata traceProof
    ) private returns (Demand storage demand_) {
        _requireTrace(caseId, trace);
        demand_ = _demands[_key(caseId, part)];
        if (demand_.deadline == 0) revert ProofCourt_NotDemanded(caseId, part);
        uint256 tensors = uint256(trace.inputCount) + trace.nodeCount;
        if (!TensorCommitment.verifyHash(trace.root, merkleRoot, part.tensor, tensors, traceProof)) {
            revert ProofCourt_NotProven(merkleRoot);
        }

        demand_.answered = true;
        CourtCase storage case_ = _cases[caseId];
        --case_.pending;
        case_.movedAt = block.timestamp.toUint32();
    }

    /// @dev Checks that the header is that of the tensor's node.
    function _requireMeta(
        TraceFacts calldata trace,
        uint32 tensor,
        Node calldata node,
        bytes32[] calldata nodeProof,
        TensorHeader memory meta
    ) private pure {
        uint256 inputs = trace.inputCount;
        // Inputs are not asked for: whoever challenges has them, or could not tell that the result is wrong.
        if (tensor < inputs) revert ProofCourt_OutOfRange(tensor, inputs);
        bytes32 leaf = GraphCommitment.nodeHash(node);
        if (!TensorCommitment.verifyHash(trace.nodesRoot, leaf, tensor - inputs, trace.nodeCount, nodeProof)) {
            revert ProofCourt_NotProven(leaf);
        }
        if (GraphCommitment.metaHash(meta) != node.outputMeta) revert ProofCourt_NotProven(node.outputMeta);
    }

    /// @dev The same when it is taken and when it goes on: nothing that it follows from changes.
    function _feeOf(Part calldata part, uint256 leafCount, uint256 leafWords) private view returns (uint128) {
        return DefenceGas.demandFee(part.level == 0 ? leafWords : _childCount(part, leafCount), GAS_VALUE);
    }

    /// @dev Hashes under a node.
    function _childCount(Part calldata part, uint256 leafCount) private pure returns (uint256) {
        uint256 left = _width(leafCount, part.level - 1) - part.index * _FANOUT;
        return left < _FANOUT ? left : _FANOUT;
    }

    /// @dev Nodes of one level: each spans 256^level leaves.
    function _width(uint256 leafCount, uint256 level) private pure returns (uint256) {
        // No tensor has 2^64 leaves: levels beyond are all alike.
        uint256 span = _FANOUT ** (level > 8 ? 8 : level);
        return (leafCount + span - 1) / span;
    }

    /// @dev All leaves are whole words.
    function _leafWords(TensorHeader memory meta) private pure returns (uint16) {
        return (TensorLayout.leafBytes(meta, TensorCommitment.elementBytes(meta.dtype)) / 32).toUint16();
    }

    function _key(uint256 caseId, Part calldata part) private pure returns (bytes32) {
        return keccak256(abi.encode(caseId, part));
    }
}
