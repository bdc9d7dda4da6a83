// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IArbiter} from "./IArbiter.sol";
import {IOperatorVerifier} from "./IOperatorVerifier.sol";
import {Claim} from "../types/CourtTypes.sol";
import {CaseFacts} from "../types/DisputeTypes.sol";
import {Graph, Node} from "../types/GraphTypes.sol";
import {JobTerms} from "../types/JobTypes.sol";
import {TensorHeader} from "../types/TensorTypes.sol";

/// @title A court that convicts on proof
/// @notice The provider commits to every tensor of its run; anyone convicts it by one element that contradicts its
/// operands, or by its silence. Nobody is paired with anybody: all demands and proofs of a case are open to everyone.
interface IProofCourt is IArbiter {
    /// @notice How the clock runs, in seconds.
    struct Periods {
        /// For the provider: from the opening to the trace, and from each demand to its answer.
        uint48 reply;
        /// For everyone else: from each answer to the next demand or a proof.
        uint48 claim;
    }

    /// @notice How far a case is. What time makes of it is the ruling.
    enum Stage {
        None,
        Opened,
        /// The trace is posted.
        Traced,
        /// A demand was not answered in time.
        Silent,
        /// An element of the trace was proven wrong.
        Disproven
    }

    /// @notice One case, in two slots. Seconds fit 32 bits until 2106.
    struct CourtCase {
        /// keccak256(abi.encode(CaseFacts)) until the trace is posted, keccak256(abi.encode(TraceFacts)) from then on; once an
        /// element was proven wrong, the root of that trace.
        bytes32 anchor;
        /// The provider, or who convicted it.
        address party;
        /// When the case was opened, then when the trace was posted, then when a part of it was shown last.
        uint32 movedAt;
        /// Last second of the job's challenge window.
        uint32 windowEnd;
        /// Demands without an answer.
        uint24 pending;
        Stage stage;
    }

    /// @notice What the court keeps the hash of: whoever acts on a posted trace brings it.
    struct TraceFacts {
        /// Root over the Merkle roots of all tensors.
        bytes32 root;
        /// Root over the nodes of the model's graph.
        bytes32 nodesRoot;
        uint16 inputCount;
        uint16 nodeCount;
    }

    /// @notice A part of a tensor that the provider was told to show.
    struct Demand {
        address demander;
        uint40 deadline;
        /// Leaves of the tensor.
        uint32 leafCount;
        /// Length of each, in words of 32 bytes.
        uint16 leafWords;
        bool answered;
    }

    /// @notice Where a part of a tensor lies in its tree. Level 0: a leaf's bytes. Level k: the up to 256 hashes of
    /// level k - 1 under node `index`, which spans 256^k leaves.
    struct Part {
        uint32 tensor;
        uint8 level;
        uint32 index;
    }

    /// @notice What proves a claim's node and headers.
    struct Provenance {
        TraceFacts trace;
        uint32 nodeIndex;
        bytes32[] nodeProof;
        /// For each operand of the trace, then for the output: its Merkle root's proof in the trace.
        bytes32[][] traceProofs;
    }

    /// @notice A long sum, of which the steps before `next` were added up to `state`. It begins with zero and nothing.
    struct PartialSum {
        uint256 next;
        bytes state;
    }

    /// @notice A case began: the provider has to post its trace.
    event CourtCaseOpened(uint256 indexed caseId, address indexed provider, CaseFacts facts, uint48 replyBy);
    /// @notice A prover added some steps of a long sum. What it has now is what it continues with.
    event SumAccumulated(
        uint256 indexed caseId,
        address indexed prover,
        uint32 nodeIndex,
        uint256 element,
        PartialSum sum
    );
    /// @notice The provider committed to its whole run.
    event TracePosted(uint256 indexed caseId, bytes32 traceRoot, bytes32[] roots);
    /// @notice Somebody wants to see a part of a tensor.
    event PartDemanded(uint256 indexed caseId, address indexed demander, Part part, uint48 replyBy);
    /// @notice Hashes under a node of a tensor's tree.
    event ChildrenRevealed(uint256 indexed caseId, Part part, bytes32[] children);
    /// @notice A leaf of a tensor.
    event LeafRevealed(uint256 indexed caseId, Part part, bytes leaf);
    /// @notice An element contradicts its operands.
    event FraudProven(
        uint256 indexed caseId,
        address indexed finder,
        uint32 nodeIndex,
        uint16 operator,
        uint256 element
    );
    /// @notice A leaf is not what any honest party commits to.
    event MalformedLeafProven(uint256 indexed caseId, address indexed finder, uint32 tensor, uint32 leaf);
    /// @notice A demand was not answered in time.
    event SilenceProven(uint256 indexed caseId, address indexed finder, Part part);
    /// @notice The price of a demand went where the ruling sends it.
    event DemandFeePaid(uint256 indexed caseId, address indexed to, uint128 amount);
    /// @notice A family of operators got its verifier, at deployment.
    event VerifierSet(uint8 indexed family, address indexed verifier);

    error ProofCourt_NotDisputes(address caller);
    error ProofCourt_ZeroAddress();
    error ProofCourt_PeriodsTooLong(uint256 total, uint256 cap);
    error ProofCourt_ZeroPeriod();
    error ProofCourt_ZeroGasValue();
    error ProofCourt_BondTooSmall(uint128 bond, uint128 least);
    error ProofCourt_NoGraph(uint256 modelId);
    error ProofCourt_NoCode(uint8 family, address verifier);
    error ProofCourt_NoAudits(address audits);
    error ProofCourt_NoVerifier(uint16 operator);
    error ProofCourt_Over(uint256 caseId);
    error ProofCourt_NotOver(uint256 caseId);
    error ProofCourt_NotProvider(uint256 caseId, address caller);
    error ProofCourt_FactsMismatch(uint256 caseId);
    error ProofCourt_GraphMismatch(bytes32 given, bytes32 committed);
    error ProofCourt_TraceAlreadyPosted(uint256 caseId);
    error ProofCourt_OtherTrace(bytes32 given, bytes32 audited);
    error ProofCourt_NoTrace(uint256 caseId);
    error ProofCourt_TraceMismatch(uint256 caseId);
    error ProofCourt_TooLate(uint256 caseId, uint256 deadline);
    error ProofCourt_WrongTraceLength(uint256 given, uint256 expected);
    error ProofCourt_InputMismatch(bytes32 traced, bytes32 committed);
    error ProofCourt_OutputMismatch(bytes32 traced, bytes32 committed);
    error ProofCourt_NotProven(bytes32 what);
    error ProofCourt_OutOfRange(uint256 index, uint256 count);
    error ProofCourt_AlreadyDemanded(uint256 caseId, Part part);
    error ProofCourt_NotDemanded(uint256 caseId, Part part);
    error ProofCourt_AlreadyAnswered(uint256 caseId, Part part);
    error ProofCourt_WrongChildren(uint256 given, uint256 expected);
    error ProofCourt_NotOverdue(uint256 caseId, Part part, uint256 deadline);
    error ProofCourt_NoContradiction(uint256 caseId);
    error ProofCourt_OtherSum(bytes32 given, bytes32 kept);

    /// @notice Posts the Merkle roots of all tensors of the run. Only the provider or its operator: a wrong trace convicts.
    /// If the job was audited, the trace that the provider showed the root of then, and no other.
    function postTrace(
        uint256 caseId,
        CaseFacts calldata facts,
        Graph calldata graph,
        bytes32[] calldata roots
    ) external;

    /// @notice Makes the provider show a part of a node's output. The fee, `demandFeeOf`, is taken from the caller's escrow
    /// balance; it goes to the provider unless the provider is convicted.
    /// @param node Node that writes the tensor, proven by `nodeProof`.
    /// @param meta Its output's header with a Merkle root of zero.
    function demand(
        uint256 caseId,
        TraceFacts calldata trace,
        Part calldata part,
        Node calldata node,
        bytes32[] calldata nodeProof,
        TensorHeader calldata meta
    ) external;

    /// @notice Answers a demand of level 1 or higher. Anyone who knows the hashes may.
    /// @param proof From the node to the tensor's Merkle root.
    function revealChildren(
        uint256 caseId,
        TraceFacts calldata trace,
        Part calldata part,
        bytes32[] calldata children,
        bytes32[] calldata proof,
        bytes32 merkleRoot,
        bytes32[] calldata traceProof
    ) external;

    /// @notice Answers a demand of level 0, by a leaf of full length: of another nobody could prove anything.
    function revealLeaf(
        uint256 caseId,
        TraceFacts calldata trace,
        Part calldata part,
        bytes calldata leaf,
        bytes32[] calldata proof,
        bytes32 merkleRoot,
        bytes32[] calldata traceProof
    ) external;

    /// @notice Convicts: an element of a node's output contradicts the node's operands.
    function proveFraud(uint256 caseId, Claim calldata claim, Provenance calldata provenance) external;

    /// @notice Adds steps `before.next` to `to` - 1 of a sum that is too long for one transaction. Everyone has a sum of their
    /// own for each element, may begin it again at any time, and continues it where it is. It gives nobody more time.
    /// @param claim Its openings are those that the steps read, as `IPartialVerifier` says.
    function accumulate(
        uint256 caseId,
        Claim calldata claim,
        Provenance calldata provenance,
        PartialSum calldata before,
        uint256 to
    ) external;

    /// @notice Convicts as `proveFraud`, by the rest of a sum that the caller accumulated.
    function proveFraudOfSum(
        uint256 caseId,
        Claim calldata claim,
        Provenance calldata provenance,
        PartialSum calldata before
    ) external;

    /// @notice Convicts: a leaf of a node's output has padding, a NaN or a bool that no honest party commits to. The
    /// claim has the output's leaf as its only opening.
    function proveMalformedLeaf(uint256 caseId, Claim calldata claim, Provenance calldata provenance) external;

    /// @notice Convicts: a demand is overdue. The demander is the finder, whoever calls.
    function proveSilence(uint256 caseId, Part calldata part) external;

    /// @notice Sends the fee of a demand to the provider, or back if the provider was convicted. Once it is, or the case is
    /// resolved.
    function payDemandFee(uint256 caseId, Part calldata part) external;

    /// @notice `DisputeManager.resolve`, so that a ruling is carried out and its fees are paid in one transaction.
    function resolve(uint256 caseId, JobTerms calldata terms) external;

    /// @notice The verifier of a family of operators; zero if there is none. Fixed at deployment.
    function verifierOf(uint8 family) external view returns (IOperatorVerifier);

    /// @notice One case.
    function courtCaseOf(uint256 caseId) external view returns (CourtCase memory);

    /// @notice keccak256(abi.encode(PartialSum)) of what somebody accumulated for an element; zero for nothing.
    function sumOf(uint256 caseId, address prover, uint32 nodeIndex, uint256 element) external view returns (bytes32);

    /// @notice One demand.
    function demandOf(uint256 caseId, Part calldata part) external view returns (Demand memory);

    /// @notice What a demand of this part costs, in the stake token: one and a half times the gas of its answer, which
    /// follows from the words that the answer shows, at `GAS_VALUE`.
    /// @param meta Header of the part's tensor.
    function demandFeeOf(Part calldata part, TensorHeader calldata meta) external view returns (uint128);

    /// @notice What one gas is worth, in the smallest unit of the stake token. Fees of demands follow it, and the bond of a
    /// challenge covers a provider's longest trace at it. Fixed at deployment.
    // solhint-disable-next-line func-name-mixedcase
    function GAS_VALUE() external view returns (uint64);
}
