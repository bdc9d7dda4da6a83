// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {IAuditOffice} from "../../interfaces/IAuditOffice.sol";
import {IDisputeManager} from "../../interfaces/IDisputeManager.sol";
import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {IOperatorVerifier} from "../../interfaces/IOperatorVerifier.sol";
import {IPartialVerifier} from "../../interfaces/IPartialVerifier.sol";
import {IPaymentEscrow} from "../../interfaces/IPaymentEscrow.sol";
import {IProofCourt} from "../../interfaces/IProofCourt.sol";
import {IProviderRegistry} from "../../interfaces/IProviderRegistry.sol";
import {GraphCommitment} from "../../libraries/GraphCommitment.sol";
import {Operators} from "../../libraries/Operators.sol";
import {TensorCommitment} from "../../libraries/TensorCommitment.sol";
import {Claim, Opening} from "../../types/CourtTypes.sol";
import {CaseFacts} from "../../types/DisputeTypes.sol";
import {Graph, Operand, Source} from "../../types/GraphTypes.sol";
import {JobTerms} from "../../types/JobTypes.sol";
import {TensorHeader} from "../../types/TensorTypes.sol";
import {CourtLedger} from "./CourtLedger.sol";
import {TraceDemands} from "./TraceDemands.sol";

/// @title Conviction by one element that contradicts its operands
/// @notice Several calls may be made as one (`multicall`), each with the same caller, so that a provider has room for as many
/// answers as others have for demands.
contract ProofCourt is TraceDemands, Multicall {
    using SafeCast for uint256;

    IProviderRegistry public immutable PROVIDERS;
    /// @notice Where a provider may have shown its trace's root before: no trace with another root is taken.
    IAuditOffice public immutable AUDITS;

    /// @inheritdoc IProofCourt
    mapping(uint8 family => IOperatorVerifier) public verifierOf;
    mapping(bytes32 key => bytes32 hash) private _sums;

    constructor(
        IDisputeManager disputes,
        IModelRegistry models,
        IProviderRegistry providers,
        IPaymentEscrow escrow,
        IAuditOffice audits,
        address stakeToken,
        Periods memory periods,
        uint64 gasValue,
        IOperatorVerifier[] memory verifiers
    ) CourtLedger(disputes, models, periods) TraceDemands(escrow, stakeToken, gasValue) {
        // Without an answer from there no trace could be posted, and every provider would be convicted.
        if (address(audits).code.length == 0) revert ProofCourt_NoAudits(address(audits));
        (PROVIDERS, AUDITS) = (providers, audits);
        for (uint8 i = 0; i < verifiers.length; ++i) _setVerifier(i + 1, verifiers[i]);
    }

    /// @inheritdoc IProofCourt
    function postTrace(
        uint256 caseId,
        CaseFacts calldata facts,
        Graph calldata graph,
        bytes32[] calldata roots
    ) external whileOpen(caseId) {
        CourtCase storage case_ = _cases[caseId];
        if (case_.stage != Stage.Opened) revert ProofCourt_TraceAlreadyPosted(caseId);
        if (case_.anchor != keccak256(abi.encode(facts))) revert ProofCourt_FactsMismatch(caseId);
        if (msg.sender != facts.provider && msg.sender != PROVIDERS.operatorOf(facts.provider)) {
            revert ProofCourt_NotProvider(caseId, msg.sender);
        }
        _requireTraceOf(facts, graph, roots);

        bytes32 traceRoot = TensorCommitment.rootOfHashes(roots);
        bytes32 audited = AUDITS.answerOf(facts.jobId);
        if (audited != 0 && audited != traceRoot) revert ProofCourt_OtherTrace(traceRoot, audited);
        // No transaction carries the roots of a trace that 16 bits could not count.
        (uint16 inputs, uint16 nodes) = (graph.inputs.length.toUint16(), uint256(graph.nodeCount).toUint16());
        case_.anchor = keccak256(abi.encode(TraceFacts(traceRoot, graph.nodesRoot, inputs, nodes)));
        (case_.movedAt, case_.stage) = (block.timestamp.toUint32(), Stage.Traced);

        emit TracePosted(caseId, traceRoot, roots);
    }

    /// @inheritdoc IProofCourt
    function proveFraud(
        uint256 caseId,
        Claim calldata claim,
        Provenance calldata provenance
    ) external whileOpen(caseId) {
        _requireProven(caseId, claim, provenance);
        if (!_verifier(claim).contradicts(claim)) revert ProofCourt_NoContradiction(caseId);

        _convict(caseId, claim, provenance);
    }

    /// @inheritdoc IProofCourt
    function accumulate(
        uint256 caseId,
        Claim calldata claim,
        Provenance calldata provenance,
        PartialSum calldata before,
        uint256 to
    ) external whileOpen(caseId) {
        _requireProven(caseId, claim, provenance);
        bytes32 key = _requireSum(caseId, claim, provenance, before);
        bytes memory state = IPartialVerifier(address(_verifier(claim))).accumulate(
            claim,
            before.next,
            to,
            before.state
        );

        PartialSum memory sum = PartialSum(to, state);
        _sums[key] = keccak256(abi.encode(sum));

        emit SumAccumulated(caseId, msg.sender, provenance.nodeIndex, claim.element, sum);
    }

    /// @inheritdoc IProofCourt
    function proveFraudOfSum(
        uint256 caseId,
        Claim calldata claim,
        Provenance calldata provenance,
        PartialSum calldata before
    ) external whileOpen(caseId) {
        _requireProven(caseId, claim, provenance);
        _requireSum(caseId, claim, provenance, before);
        IPartialVerifier verifier = IPartialVerifier(address(_verifier(claim)));
        if (!verifier.contradictsAfter(claim, before.next, before.state)) revert ProofCourt_NoContradiction(caseId);

        _convict(caseId, claim, provenance);
    }

    /// @inheritdoc IProofCourt
    function proveMalformedLeaf(
        uint256 caseId,
        Claim calldata claim,
        Provenance calldata provenance
    ) external whileOpen(caseId) {
        _requireProven(caseId, claim, provenance);
        uint256 output = claim.node.operands.length;
        Opening calldata opening = claim.openings[0];
        if (opening.operand != output) revert ProofCourt_OutOfRange(opening.operand, output);
        if (TensorCommitment.isCanonicalLeaf(claim.headers[output], opening.data, opening.leaf)) {
            revert ProofCourt_NoContradiction(caseId);
        }

        _disprove(caseId, provenance.trace.root);

        uint32 tensor = provenance.trace.inputCount + provenance.nodeIndex;
        emit MalformedLeafProven(caseId, msg.sender, tensor, opening.leaf);
    }

    /// @inheritdoc IProofCourt
    function resolve(uint256 caseId, JobTerms calldata terms) external {
        DISPUTES.resolve(caseId, terms);
    }

    /// @inheritdoc IProofCourt
    function sumOf(uint256 caseId, address prover, uint32 nodeIndex, uint256 element) external view returns (bytes32) {
        return _sums[_sumKey(caseId, prover, nodeIndex, element)];
    }

    function _convict(uint256 caseId, Claim calldata claim, Provenance calldata provenance) private {
        _disprove(caseId, provenance.trace.root);

        emit FraudProven(caseId, msg.sender, provenance.nodeIndex, claim.node.operator, claim.element);
    }

    /// @dev From here on nothing is proven against the trace's facts any more: its root is kept in their place.
    function _disprove(uint256 caseId, bytes32 traceRoot) private {
        CourtCase storage case_ = _cases[caseId];
        (case_.anchor, case_.party, case_.stage) = (traceRoot, msg.sender, Stage.Disproven);
    }

    /// @dev At deployment only: whoever names a verifier could convict anybody.
    function _setVerifier(uint8 family, IOperatorVerifier verifier) private {
        if (address(verifier).code.length == 0) revert ProofCourt_NoCode(family, address(verifier));

        verifierOf[family] = verifier;

        emit VerifierSet(family, address(verifier));
    }

    /// @dev Checks that the graph is the model's and that the trace begins and ends with what the job says.
    function _requireTraceOf(CaseFacts calldata facts, Graph calldata graph, bytes32[] calldata roots) private view {
        bytes32 committed = MODELS.graphOf(facts.modelId);
        bytes32 given = GraphCommitment.hash(graph);
        if (given != committed) revert ProofCourt_GraphMismatch(given, committed);
        uint256 tensors = graph.inputs.length + graph.nodeCount;
        if (roots.length != tensors) revert ProofCourt_WrongTraceLength(roots.length, tensors);

        bytes32 inputs = GraphCommitment.bundleOf(graph.inputs, roots);
        if (inputs != facts.inputCommitment) revert ProofCourt_InputMismatch(inputs, facts.inputCommitment);
        bytes32 outputs = GraphCommitment.bundleOf(graph.outputs, roots);
        if (outputs != facts.outputCommitment) revert ProofCourt_OutputMismatch(outputs, facts.outputCommitment);
    }

    /// @dev Checks everything about a claim but whether it is right: node against graph, headers against node and
    /// trace, openings against headers.
    function _requireProven(uint256 caseId, Claim calldata claim, Provenance calldata provenance) private view {
        TraceFacts calldata trace = provenance.trace;
        _requireTrace(caseId, trace);
        (uint256 inputs, uint256 nodes) = (trace.inputCount, trace.nodeCount);
        bytes32 leaf = GraphCommitment.nodeHash(claim.node);
        if (!TensorCommitment.verifyHash(trace.nodesRoot, leaf, provenance.nodeIndex, nodes, provenance.nodeProof)) {
            revert ProofCourt_NotProven(leaf);
        }

        Operand[] calldata operands = claim.node.operands;
        uint256 count = operands.length;
        if (claim.headers.length != count + 1) revert ProofCourt_OutOfRange(claim.headers.length, count + 1);
        TensorHeader[] memory headers = claim.headers;
        uint256 used = 0;
        for (uint256 i = 0; i <= count; ++i) {
            if (i < count && operands[i].source == Source.Absent) {
                // Nobody proves its header: without leaves nothing of it can be opened.
                headers[i].nLeaves = 0;
                continue;
            }
            TensorHeader memory header = headers[i];
            if (i < count && operands[i].source == Source.Constant) {
                if (TensorCommitment.hashHeader(header) != operands[i].hash)
                    revert ProofCourt_NotProven(operands[i].hash);
                continue;
            }
            (bytes32 meta, uint256 tensor) = i < count
                ? (operands[i].hash, operands[i].tensor)
                : (claim.node.outputMeta, inputs + provenance.nodeIndex);
            if (GraphCommitment.metaHash(header) != meta) revert ProofCourt_NotProven(meta);
            bytes32[] calldata proof = provenance.traceProofs[used++];
            if (!TensorCommitment.verifyHash(trace.root, header.merkleRoot, tensor, inputs + nodes, proof)) {
                revert ProofCourt_NotProven(header.merkleRoot);
            }
        }
        _requireOpenings(claim.openings, headers);
    }

    /// @dev Checks that the sum is where the caller left it, or at its beginning. Node and headers are the same in all its
    /// parts: each part proves them against roots of the case that never change.
    function _requireSum(
        uint256 caseId,
        Claim calldata claim,
        Provenance calldata provenance,
        PartialSum calldata before
    ) private view returns (bytes32 key) {
        key = _sumKey(caseId, msg.sender, provenance.nodeIndex, claim.element);
        if (before.next == 0 && before.state.length == 0) return key;
        bytes32 given = keccak256(abi.encode(before));
        if (given != _sums[key]) revert ProofCourt_OtherSum(given, _sums[key]);
    }

    function _verifier(Claim calldata claim) private view returns (IOperatorVerifier verifier) {
        verifier = verifierOf[Operators.family(claim.node.operator)];
        if (address(verifier) == address(0)) revert ProofCourt_NoVerifier(claim.node.operator);
    }

    function _sumKey(uint256 caseId, address prover, uint32 nodeIndex, uint256 element) private pure returns (bytes32) {
        return keccak256(abi.encode(caseId, prover, nodeIndex, element));
    }

    function _requireOpenings(Opening[] calldata openings, TensorHeader[] memory headers) private pure {
        for (uint256 i = 0; i < openings.length; ++i) {
            Opening calldata opening = openings[i];
            uint256 operand = opening.operand;
            if (operand >= headers.length) revert ProofCourt_OutOfRange(operand, headers.length - 1);
            TensorCommitment.requireLeaf(headers[operand], opening.data, opening.leaf, opening.proof);
        }
    }
}
