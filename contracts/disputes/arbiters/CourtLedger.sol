// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IArbiter} from "../../interfaces/IArbiter.sol";
import {IDisputeManager} from "../../interfaces/IDisputeManager.sol";
import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {IProofCourt} from "../../interfaces/IProofCourt.sol";
import {CaseFacts, Ruling} from "../../types/DisputeTypes.sol";
import {MAX_RESOLUTION, RESOLUTION_GRACE} from "../../types/Limits.sol";

/// @title Cases of the proof court and their clock
/// @notice A ruling follows from facts and time; nobody has to write it down.
abstract contract CourtLedger is IProofCourt {
    using SafeCast for uint256;

    /// @notice Levels of hashes that a challenger may have to ask for before the leaf: a tensor has up to 256^3 leaves.
    uint256 public constant DEPTH = 3;

    IDisputeManager public immutable DISPUTES;
    IModelRegistry public immutable MODELS;
    uint48 public immutable REPLY_PERIOD;
    uint48 public immutable CLAIM_PERIOD;

    mapping(uint256 caseId => CourtCase) internal _cases;

    modifier whileOpen(uint256 caseId) {
        if (_isOver(caseId)) revert ProofCourt_Over(caseId);
        _;
    }

    constructor(IDisputeManager disputes, IModelRegistry models, Periods memory periods) {
        if (periods.reply == 0 || periods.claim == 0) revert ProofCourt_ZeroPeriod();
        (DISPUTES, MODELS) = (disputes, models);
        (REPLY_PERIOD, CLAIM_PERIOD) = (periods.reply, periods.claim);
        uint256 cap = MAX_RESOLUTION - RESOLUTION_GRACE;
        if (_longestReveal() > cap) revert ProofCourt_PeriodsTooLong(_longestReveal(), cap);
    }

    /// @inheritdoc IArbiter
    function openCase(uint256 caseId, CaseFacts calldata facts) external {
        if (msg.sender != address(DISPUTES)) revert ProofCourt_NotDisputes(msg.sender);
        if (MODELS.graphOf(facts.modelId) == 0) revert ProofCourt_NoGraph(facts.modelId);

        // A window so long that the case would not end in time is cut for the court's purposes.
        uint256 latestEnd = block.timestamp + MAX_RESOLUTION - RESOLUTION_GRACE - _longestReveal();
        _cases[caseId] = CourtCase({
            anchor: keccak256(abi.encode(facts)),
            party: facts.provider,
            movedAt: block.timestamp.toUint32(),
            windowEnd: Math.min(facts.challengeableUntil, latestEnd).toUint32(),
            pending: 0,
            stage: Stage.Opened
        });

        emit CourtCaseOpened(caseId, facts.provider, facts, uint48(block.timestamp) + REPLY_PERIOD);
    }

    /// @inheritdoc IArbiter
    function rulingOf(uint256 caseId) public view returns (Ruling ruling, address finder) {
        CourtCase storage case_ = _cases[caseId];
        Stage stage = case_.stage;
        if (stage == Stage.None) return (Ruling.None, address(0));
        if (stage == Stage.Silent || stage == Stage.Disproven) return (Ruling.Upheld, case_.party);
        if (stage == Stage.Opened) {
            bool silent = block.timestamp > uint256(case_.movedAt) + REPLY_PERIOD;
            return (silent ? Ruling.Upheld : Ruling.None, address(0));
        }
        // Not before the window's end: a friend's early challenge must not cost others their time to look.
        uint256 quietUntil = Math.max(uint256(case_.movedAt) + CLAIM_PERIOD, case_.windowEnd);
        bool quiet = case_.pending == 0 && block.timestamp > quietUntil;
        return (quiet ? Ruling.Rejected : Ruling.None, address(0));
    }

    /// @inheritdoc IArbiter
    function disprovenTraceOf(uint256 caseId) external view returns (bytes32) {
        return _cases[caseId].stage == Stage.Disproven ? _cases[caseId].anchor : bytes32(0);
    }

    /// @inheritdoc IArbiter
    /// @dev Whoever proves is the finder: nobody else works here.
    function isPaid() external pure returns (bool) {
        return false;
    }

    /// @inheritdoc IArbiter
    function resolutionPeriod() external pure returns (uint48) {
        return MAX_RESOLUTION - RESOLUTION_GRACE;
    }

    /// @inheritdoc IProofCourt
    function courtCaseOf(uint256 caseId) external view returns (CourtCase memory) {
        return _cases[caseId];
    }

    /// @dev The last moment at which a demand leaves time for its answer and for the claim that follows from it.
    function _lastDemandAt(CourtCase storage case_) internal view returns (uint256) {
        return uint256(case_.windowEnd) + _longestReveal() - REPLY_PERIOD - CLAIM_PERIOD;
    }

    /// @dev The trace, `DEPTH` levels and the leaf, one after another, each with time to answer and time to think.
    function _longestReveal() internal view returns (uint256) {
        return (DEPTH + 2) * (uint256(REPLY_PERIOD) + CLAIM_PERIOD);
    }

    /// @dev Checks that a trace was posted, and that it is this one.
    function _requireTrace(uint256 caseId, TraceFacts calldata trace) internal view {
        if (_cases[caseId].stage != Stage.Traced) revert ProofCourt_NoTrace(caseId);
        if (_cases[caseId].anchor != keccak256(abi.encode(trace))) revert ProofCourt_TraceMismatch(caseId);
    }

    function _isOver(uint256 caseId) internal view returns (bool) {
        (Ruling ruling, ) = rulingOf(caseId);
        return ruling != Ruling.None;
    }
}
