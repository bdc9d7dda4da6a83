// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IArbiter} from "../interfaces/IArbiter.sol";
import {IDisputeManager} from "../interfaces/IDisputeManager.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IPaymentEscrow} from "../interfaces/IPaymentEscrow.sol";
import {IProviderStaking} from "../interfaces/IProviderStaking.sol";
import {JobId} from "../libraries/JobId.sol";
import {CaseFacts, Ruling} from "../types/DisputeTypes.sol";
import {JobTerms} from "../types/JobTypes.sol";
import {MAX_RESOLUTION, RESOLUTION_GRACE} from "../types/Limits.sol";
import {CaseSettlement} from "./CaseSettlement.sol";

/// @title Challenges, and how they end
contract DisputeManager is CaseSettlement, EIP712, ReentrancyGuardTransient {
    using SafeCast for uint256;

    /// @inheritdoc IDisputeManager
    bytes32 public constant RESULT_TYPEHASH = keccak256("Result(uint256 jobId,bytes32 outputCommitment)");
    /// @dev Gas kept from an arbiter's view, so that one that burns all it gets cannot block the way out.
    uint256 private constant _RULING_GAS = 500_000;

    IModelRegistry public immutable MODELS;
    /// @inheritdoc IDisputeManager
    uint128 public immutable CHALLENGE_BOND;
    /// @dev Who names the arbiters, once each.
    address private immutable _DEPLOYER;

    /// @inheritdoc IDisputeManager
    uint256 public lastCaseId;
    mapping(uint256 caseId => uint256 jobId) private _jobs;

    constructor(
        IInferenceMarket market,
        IPaymentEscrow escrow,
        IProviderStaking staking,
        IModelRegistry models,
        uint128 bond
    ) EIP712("Assay", "1") CaseSettlement(market, escrow, staking) {
        if (bond == 0) revert DisputeManager_ZeroBond();

        MODELS = models;
        CHALLENGE_BOND = bond;
        _DEPLOYER = msg.sender;
    }

    /// @inheritdoc IDisputeManager
    function challenge(JobTerms calldata terms, bytes32 outputCommitment) external returns (uint256 caseId) {
        IModelRegistry.Profile profile = MODELS.factsOf(terms.modelId).profile;
        IArbiter arbiter = arbiterOf(profile);
        if (address(arbiter) == address(0)) revert DisputeManager_NoArbiter(profile);

        CaseFacts memory facts;
        (caseId, facts.jobId, facts.challengeableUntil) = _open(terms, outputCommitment, profile);
        (facts.modelId, facts.provider, facts.client) = (terms.modelId, terms.provider, terms.client);
        (facts.inputCommitment, facts.outputCommitment) = (terms.inputCommitment, outputCommitment);
        facts.challenger = msg.sender;

        ESCROW.hold(address(STAKE_TOKEN), msg.sender, CHALLENGE_BOND);
        arbiter.openCase(caseId, facts);
    }

    /// @inheritdoc IDisputeManager
    function resolve(uint256 caseId, JobTerms calldata terms) external nonReentrant {
        Case memory case_ = _caseOf(caseId);
        if (case_.openedAt == 0) revert DisputeManager_UnknownCase(caseId);
        if (case_.ruling != Ruling.None) revert DisputeManager_AlreadyResolved(caseId, case_.ruling);
        if (case_.jobId != JobId.ofCalldata(terms)) revert DisputeManager_OtherJob(caseId, case_.jobId);

        (Ruling ruling, address finder) = _rulingOf(caseId, case_);
        // Before anything else: whatever follows, no second resolve.
        _records[case_.jobId].ruling = ruling;
        MARKET.closeDispute(terms, ruling == Ruling.Upheld);

        if (ruling == Ruling.Upheld) _settleUpheld(caseId, case_, terms, finder);
        else if (ruling == Ruling.Rejected) _settleRejected(caseId, case_, terms);
        else _settleInconclusive(caseId, case_);
    }

    /// @inheritdoc IDisputeManager
    function proveEquivocation(
        JobTerms calldata terms,
        bytes32 delivered,
        bytes32 signed,
        bytes calldata signature
    ) external nonReentrant returns (uint256 caseId) {
        uint256 jobId = JobId.ofCalldata(terms);
        if (signed == delivered) revert DisputeManager_SameResult(jobId, signed);
        if (!_isSigned(terms, resultDigest(jobId, signed), signature)) revert DisputeManager_NotSigned(jobId, signed);

        caseId = caseOfJob(jobId);
        // No challenge keeps this proof out, a friend's least of all: an open case ends with it. But whoever challenged
        // is the finder then, or a cheat about to be convicted would take that share itself by a second signature.
        if (caseId == 0) (caseId, , ) = _open(terms, delivered, IModelRegistry.Profile.None);
        else _requireUndecided(caseId, jobId, delivered);
        Case memory case_ = _caseOf(caseId);
        _records[jobId].ruling = Ruling.Upheld;

        emit EquivocationProven(caseId, jobId, msg.sender, delivered, signed);

        MARKET.closeDispute(terms, true);
        _settleUpheld(caseId, case_, terms, case_.challenger);
    }

    /// @inheritdoc IDisputeManager
    function setArbiter(IModelRegistry.Profile profile, IArbiter arbiter) external {
        if (msg.sender != _DEPLOYER) revert DisputeManager_NotDeployer(msg.sender);
        address current = address(arbiterOf(profile));
        if (current != address(0)) revert DisputeManager_ArbiterAlreadySet(profile, current);
        if (address(arbiter) == address(0)) revert DisputeManager_ZeroAddress();
        (uint256 period, uint256 cap) = (arbiter.resolutionPeriod(), MAX_RESOLUTION - RESOLUTION_GRACE);
        if (period > cap) revert DisputeManager_ArbiterTooSlow(period, cap);

        _appointments[profile] = Appointment(arbiter, arbiter.isPaid());

        emit ArbiterSet(profile, address(arbiter));
    }

    /// @inheritdoc IDisputeManager
    /// @dev Not in the middle of a resolution: a ruling whose reward is not known yet would be shared out as nothing.
    function caseOf(uint256 caseId) external view nonReentrantView returns (Case memory) {
        if (_jobs[caseId] == 0) revert DisputeManager_UnknownCase(caseId);
        return _caseOf(caseId);
    }

    /// @inheritdoc IDisputeManager
    function arbiterOf(IModelRegistry.Profile profile) public view returns (IArbiter) {
        return _appointments[profile].arbiter;
    }

    /// @inheritdoc IDisputeManager
    function caseOfJob(uint256 jobId) public view returns (uint256) {
        return _records[jobId].caseId;
    }

    /// @inheritdoc IDisputeManager
    function resultDigest(uint256 jobId, bytes32 outputCommitment) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(RESULT_TYPEHASH, jobId, outputCommitment)));
    }

    /// @dev Freezes the job and writes down its case. The market checks terms, output and window.
    function _open(
        JobTerms calldata terms,
        bytes32 outputCommitment,
        IModelRegistry.Profile profile
    ) private returns (uint256 caseId, uint256 jobId, uint48 challengeableUntil) {
        (jobId, challengeableUntil) = MARKET.openDispute(terms, outputCommitment);
        caseId = ++lastCaseId;
        _jobs[caseId] = jobId;
        Record storage record = _records[jobId];
        (record.caseId, record.challenger, record.openedAt) = (caseId.toUint32(), msg.sender, uint48(block.timestamp));
        record.profile = profile;

        (IArbiter arbiter, uint128 bond) = _courtOf(profile);
        emit CaseOpened(caseId, jobId, msg.sender, address(arbiter), bond, terms.stake, outputCommitment);
    }

    function _caseOf(uint256 caseId) private view returns (Case memory) {
        uint256 jobId = _jobs[caseId];
        Record memory record = _records[jobId];
        (IArbiter arbiter, uint128 bond) = _courtOf(record.profile);
        return
            Case({
                jobId: jobId,
                challenger: record.challenger,
                openedAt: record.openedAt,
                profile: record.profile,
                arbiter: arbiter,
                ruling: record.ruling,
                bond: bond,
                arbiterReward: record.arbiterReward
            });
    }

    /// @dev Who decides a case of this profile, and what its challenger puts at risk: written once each.
    function _courtOf(IModelRegistry.Profile profile) private view returns (IArbiter, uint128) {
        if (profile == IModelRegistry.Profile.None) return (IArbiter(address(0)), 0);
        return (arbiterOf(profile), CHALLENGE_BOND);
    }

    /// @dev The output must be the delivered one: of two others, neither says anything about the job. A case that the
    /// arbiter upholds is to be resolved, and its finder paid.
    function _requireUndecided(uint256 caseId, uint256 jobId, bytes32 delivered) private view {
        Case memory case_ = _caseOf(caseId);
        if (case_.ruling != Ruling.None) revert DisputeManager_AlreadyResolved(caseId, case_.ruling);
        if (!MARKET.hasOutput(jobId, delivered)) revert DisputeManager_OtherOutput(jobId, delivered);
        (Ruling ruling, ) = _ask(case_.arbiter, caseId);
        if (ruling == Ruling.Upheld) revert DisputeManager_AlreadyUpheld(caseId);
    }

    /// @dev By whoever may deliver: the provider, or its worker's key when the job was requested. ERC-1271 included.
    function _isSigned(JobTerms calldata terms, bytes32 digest, bytes calldata signature) private view returns (bool) {
        (address key, , ) = ECDSA.tryRecoverCalldata(digest, signature);
        // Whatever code the key's account has by now: who signed with it must not unsay that by setting some (EIP-7702).
        if (key != address(0) && (key == terms.operator || key == terms.provider)) return true;
        return
            SignatureChecker.isValidSignatureNowCalldata(terms.operator, digest, signature) ||
            SignatureChecker.isValidSignatureNowCalldata(terms.provider, digest, signature);
    }

    /// @dev The arbiter's word, or `Inconclusive` from an arbiter that is silent or broken for too long.
    function _rulingOf(uint256 caseId, Case memory case_) private view returns (Ruling ruling, address finder) {
        uint256 latestAt = uint256(case_.openedAt) + MAX_RESOLUTION;
        bool late = block.timestamp > latestAt;
        (ruling, finder) = _ask(case_.arbiter, caseId);
        if (ruling == Ruling.None) {
            if (!late) revert DisputeManager_NotYetRuled(caseId, latestAt);
            return (Ruling.Inconclusive, address(0));
        }
        if (finder == address(0)) finder = case_.challenger;
    }

    /// @dev What an arbiter says; `None` from one that reverts, burns its gas or gives no answer that can be read.
    /// Not a `try`: an answer that cannot be decoded would revert here, and keep the case open for ever.
    function _ask(IArbiter arbiter, uint256 caseId) private view returns (Ruling, address) {
        // Too little gas would make a working arbiter look broken: never decide on that.
        if (gasleft() < _RULING_GAS * 2) revert DisputeManager_TooLittleGas(gasleft(), _RULING_GAS * 2);
        bytes memory question = abi.encodeCall(IArbiter.rulingOf, (caseId));
        bool answered;
        uint256 ruling;
        uint256 finder;
        assembly ("memory-safe") {
            let success := staticcall(_RULING_GAS, arbiter, add(question, 32), mload(question), 0, 64)
            answered := and(success, gt(returndatasize(), 63))
            ruling := mload(0)
            finder := mload(32)
        }
        if (!answered || ruling > uint256(type(Ruling).max) || finder > type(uint160).max) {
            return (Ruling.None, address(0));
        }
        return (Ruling(ruling), address(uint160(finder)));
    }
}
