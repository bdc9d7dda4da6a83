// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IArbiter} from "../interfaces/IArbiter.sol";
import {IAuditOffice} from "../interfaces/IAuditOffice.sol";
import {IDisputeManager} from "../interfaces/IDisputeManager.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IPaymentEscrow} from "../interfaces/IPaymentEscrow.sol";
import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";
import {IProviderStaking} from "../interfaces/IProviderStaking.sol";
import {IRandomness} from "../interfaces/IRandomness.sol";
import {JobId} from "../libraries/JobId.sol";
import {Ruling} from "../types/DisputeTypes.sol";
import {JobStatus, JobTerms} from "../types/JobTypes.sol";
import {BASIS_POINTS, MAX_CHALLENGE_WINDOW} from "../types/Limits.sol";
import {AuditFunds} from "./AuditFunds.sol";
import {AuditMath} from "./AuditMath.sol";
import {AuditorPool} from "./AuditorPool.sol";
import {AuditRounds} from "./AuditRounds.sol";

/// @title Blind audits of submitted results
contract AuditOffice is AuditFunds, AuditRounds, AccessManaged {
    using AuditMath for AuditMath.Stakes;

    /// @notice What an auditor's commitment begins with.
    bytes32 public constant AUDIT_TAG = keccak256("assay.audit.commitment.v1");
    /// @notice Highest audit rate of jobs that nobody booked an audit for.
    uint16 public constant MAX_AUDIT_RATE_BPS = 5_000;

    uint32 public immutable ANSWER_PERIOD;
    uint32 public immutable REVEAL_PERIOD;
    /// @notice What is left of the challenge window when an audit has ended.
    uint32 public immutable CHALLENGE_PERIOD;

    /// @inheritdoc IAuditOffice
    mapping(address provider => uint256) public silencesOf;
    mapping(uint256 jobId => Audit) private _audits;

    modifier inPhase(uint256 jobId, Phase expected) {
        _requirePhase(jobId, expected);
        _;
    }

    constructor(
        address authority,
        IInferenceMarket market,
        IDisputeManager disputes,
        IModelRegistry models,
        IProviderRegistry providers,
        IProviderStaking staking,
        IPaymentEscrow escrow,
        IRandomness randomness,
        Settings memory given
    )
        AccessManaged(authority)
        AuditorPool(models, disputes, escrow, providers, staking, given.ticketLock)
        AuditFunds(market, given.auditPay)
        AuditRounds(randomness, given.roundPeriod, given.commitPeriod, given.auditRateBps)
    {
        (ANSWER_PERIOD, REVEAL_PERIOD) = (given.answerPeriod, given.revealPeriod);
        CHALLENGE_PERIOD = given.challengePeriod;
        if (given.roundPeriod == 0 || given.commitPeriod < 2) revert AuditOffice_ZeroPeriod();
        if (given.answerPeriod == 0 || given.revealPeriod == 0 || given.challengePeriod == 0) {
            revert AuditOffice_ZeroPeriod();
        }
        // Otherwise there would be no window to count on an audit in.
        if (_sureWindow() > MAX_CHALLENGE_WINDOW) {
            revert AuditOffice_PeriodsTooLong(_sureWindow(), MAX_CHALLENGE_WINDOW);
        }
        // The auditor's side of `AuditMath`: to repeat a wrong answer must cost more than an audit pays.
        if (given.auditPay == 0 || given.auditPay >= given.ticketLock) {
            revert AuditOffice_PayNotBelowLock(given.auditPay, given.ticketLock);
        }
        _setAuditRate(given.auditRateBps);
    }

    /// @inheritdoc IAuditOffice
    function commit(
        JobTerms calldata terms,
        bytes32 outputCommitment,
        uint256 round,
        address auditor,
        bytes32 commitment
    ) external onlyKeyOf(auditor) {
        if (commitment == 0) revert AuditOffice_EmptyCommitment();
        uint256 jobId = JobId.ofCalldata(terms);
        if (_hasAudit(jobId)) revert AuditOffice_AlreadyAudited(jobId);
        _requireExact(terms.modelId);
        (uint48 windowEnd, bool challenged) = _requireDelivered(jobId, outputCommitment);
        Round memory record = _requireRound(round, windowEnd - terms.challengeWindow);
        _requireDrawn(jobId, record);
        _requireAuditor(terms, auditor, record.askedAt);
        _requireTurn(terms.modelId, jobId, round, auditor);
        if (block.timestamp + _longestAudit() > windowEnd) {
            revert AuditOffice_TooLate(jobId, windowEnd - _longestAudit());
        }

        _takeTicket(terms.modelId, auditor);
        Audit storage audit = _audits[jobId];
        (audit.auditor, audit.committedAt) = (auditor, uint48(block.timestamp));
        (audit.provider, audit.challengeableUntil, audit.challenged) = (terms.provider, windowEnd, challenged);
        (audit.modelId, audit.outputCommitment, audit.commitment) = (terms.modelId, outputCommitment, commitment);
        audit.booker = _reservePay(jobId, terms.modelId);

        emit AuditCommitted(
            jobId,
            auditor,
            terms.provider,
            round,
            commitment,
            _answerBy(audit),
            _answerBy(audit) + REVEAL_PERIOD
        );
    }

    /// @inheritdoc IAuditOffice
    function answer(
        uint256 jobId,
        bytes32 traceRoot
    ) external inPhase(jobId, Phase.Answer) onlyKeyOf(_audits[jobId].provider) {
        if (traceRoot == 0) revert AuditOffice_EmptyTrace();

        _audits[jobId].answer = traceRoot;

        emit TraceAnswered(jobId, _audits[jobId].provider, traceRoot);
    }

    /// @inheritdoc IAuditOffice
    function reveal(
        uint256 jobId,
        bytes32 outputCommitment,
        bytes32 traceRoot,
        bytes32 salt
    ) external inPhase(jobId, Phase.Reveal) onlyKeyOf(_audits[jobId].auditor) {
        Audit storage audit = _audits[jobId];
        if (audit.commitment != commitmentOf(jobId, audit.auditor, outputCommitment, traceRoot, salt)) {
            revert AuditOffice_CommitmentMismatch(jobId);
        }

        Finding finding = _compare(audit, outputCommitment, traceRoot);
        audit.finding = finding;

        emit AuditRevealed(jobId, audit.auditor, outputCommitment, traceRoot, finding);
    }

    /// @inheritdoc IAuditOffice
    function close(uint256 jobId) external inPhase(jobId, Phase.Due) {
        Audit memory audit = _audits[jobId];
        (uint256 caseId, IDisputeManager.Case memory case_) = _caseOf(jobId);
        (bool earned, bool guilty) = _outcome(audit, caseId, case_);
        _audits[jobId].closed = true;

        emit AuditClosed(jobId, audit.auditor, audit.finding, case_.ruling == Ruling.Upheld, earned ? AUDIT_PAY : 0);

        _freeTicket(audit.modelId, audit.auditor);
        if (guilty) _loseTicket(audit.modelId, audit.auditor, jobId);
        if (audit.answer == 0) _blameSilence(jobId, audit.provider, audit.modelId);
        if (earned) _creditPay(audit.auditor);
        else _returnPay(audit.booker, audit.modelId);
    }

    /// @inheritdoc IAuditOffice
    function setAuditRate(uint16 auditRateBps_) external restricted {
        _setAuditRate(auditRateBps_);
    }

    /// @inheritdoc IAuditOffice
    function auditOf(uint256 jobId) external view returns (Audit memory) {
        return _audits[jobId];
    }

    /// @inheritdoc IAuditOffice
    function answerOf(uint256 jobId) external view returns (bytes32 traceRoot) {
        return _audits[jobId].answer;
    }

    /// @inheritdoc IAuditOffice
    function quote(uint256 modelId, Exposure calldata exposure) external view returns (Quote memory result) {
        AuditMath.Stakes memory given = _stakes(exposure);
        (, , uint256 window, ) = MARKET.parameters();
        // What has nobody to do it, does not fit into the window of a new job or cannot be paid does not deter.
        bool served = ticketsOf[modelId] > 0 && window >= _sureWindow();
        result.rateBps = served && fundOf[modelId] >= AUDIT_PAY ? _rateOfNewJobs() : 0;
        (result.possible, result.stake) = given.stakeFor(result.rateBps);
        if (served) (result.possibleBooked, result.stakeBooked) = given.stakeFor(BASIS_POINTS);
    }

    /// @inheritdoc IAuditOffice
    function rateFor(Exposure calldata exposure, uint128 stake) external view returns (bool possible, uint16 rateBps) {
        return _stakes(exposure).rateFor(stake);
    }

    /// @inheritdoc IAuditOffice
    function commitmentOf(
        uint256 jobId,
        address auditor,
        bytes32 outputCommitment,
        bytes32 traceRoot,
        bytes32 salt
    ) public view returns (bytes32) {
        return
            keccak256(
                abi.encode(AUDIT_TAG, block.chainid, address(this), jobId, auditor, outputCommitment, traceRoot, salt)
            );
    }

    /// @inheritdoc IAuditOffice
    function phaseOf(uint256 jobId) public view returns (Phase) {
        Audit storage audit = _audits[jobId];
        if (audit.auditor == address(0)) return Phase.None;
        if (audit.closed) return Phase.Closed;
        if (audit.finding == Finding.Unanswered) return Phase.Due;
        if (audit.finding != Finding.None) {
            (uint256 caseId, IDisputeManager.Case memory case_) = _caseOf(jobId);
            // Whether it is known if the result stands.
            bool known = caseId == 0 ? block.timestamp > audit.challengeableUntil : case_.ruling != Ruling.None;
            return known ? Phase.Due : Phase.Wait;
        }
        if (block.timestamp <= _answerBy(audit) && audit.answer == 0) return Phase.Answer;
        return block.timestamp <= _answerBy(audit) + REVEAL_PERIOD ? Phase.Reveal : Phase.Due;
    }

    function _requirePhase(uint256 jobId, Phase expected) private view {
        Phase current = phaseOf(jobId);
        if (current != expected) revert AuditOffice_WrongPhase(jobId, current, expected);
    }

    /// @dev The end of the challenge window of a job that was submitted with this output. A challenge does not keep
    /// auditors out: a cheat could bring one itself as soon as it sees that its job is drawn.
    function _requireDelivered(
        uint256 jobId,
        bytes32 outputCommitment
    ) private view returns (uint48 windowEnd, bool challenged) {
        JobStatus status = MARKET.statusOf(jobId);
        challenged = status == JobStatus.Disputed;
        if (status != JobStatus.Submitted && !challenged) revert AuditOffice_WrongStatus(jobId);
        if (!MARKET.hasOutput(jobId, outputCommitment)) revert AuditOffice_OutputMismatch(jobId, outputCommitment);
        windowEnd = MARKET.phaseEndOf(jobId);
    }

    function _requireDrawn(uint256 jobId, Round memory record) private view {
        if (bookerOf[jobId] == address(0) && !_isDrawn(jobId, record)) revert AuditOffice_NotDrawn(jobId);
        uint256 deadline = uint256(record.recordedAt) + COMMIT_PERIOD;
        if (block.timestamp > deadline) revert AuditOffice_TooLate(jobId, deadline);
    }

    /// @dev One that still serves the model, is no party, and had its tickets before the seed was asked for. The
    /// provider's operator is no party: the provider names any key it likes, and could keep its owner from auditing.
    function _requireAuditor(JobTerms calldata terms, address auditor, uint48 askedAt) private view {
        if (PROVIDERS.offerCountOf(auditor, terms.modelId) == 0) revert AuditOffice_NoOffer(auditor, terms.modelId);
        if (_isParty(auditor, terms) || _isParty(PROVIDERS.operatorOf(auditor), terms)) {
            revert AuditOffice_Party(auditor);
        }
        uint48 since = _memberships[terms.modelId][auditor].since;
        if (since >= askedAt) revert AuditOffice_TooNew(auditor, since, askedAt);
    }

    function _requireTurn(uint256 modelId, uint256 jobId, uint256 round, address auditor) private view {
        uint256 turnAt = turnOf(jobId, round, auditor, _memberships[modelId][auditor].tickets);
        if (block.timestamp < turnAt) revert AuditOffice_NotYourTurn(auditor, turnAt);
    }

    function _isParty(address account, JobTerms calldata terms) private pure returns (bool) {
        return account == terms.provider || account == terms.client;
    }

    /// @dev The job's case; an empty one if there is none.
    function _caseOf(uint256 jobId) private view returns (uint256 caseId, IDisputeManager.Case memory case_) {
        caseId = DISPUTES.caseOfJob(jobId);
        if (caseId != 0) case_ = DISPUTES.caseOf(caseId);
    }

    function _compare(Audit storage audit, bytes32 outputCommitment, bytes32 traceRoot) private view returns (Finding) {
        if (audit.answer == 0) return Finding.Unanswered;
        bool same = traceRoot == audit.answer && outputCommitment == audit.outputCommitment;
        return same ? Finding.Agrees : Finding.Differs;
    }

    /// @dev Who is right is not decided here: agreement is worth its pay unless the provider was convicted, and costs a
    /// ticket if that very trace was proven wrong; disagreement only if it was convicted. Invented roots earn nothing.
    function _outcome(
        Audit memory audit,
        uint256 caseId,
        IDisputeManager.Case memory case_
    ) private view returns (bool earned, bool guilty) {
        bool upheld = case_.ruling == Ruling.Upheld;
        if (audit.finding == Finding.Unanswered) return (true, false);
        // Of a challenged job a wrong result is no surprise, and anything differs from it: who has the proof earns there.
        if (audit.finding == Finding.Differs) return (upheld && !audit.challenged, false);
        if (audit.finding == Finding.Agrees)
            return (!upheld, upheld && _disproves(case_.arbiter, caseId, audit.answer));
        return (false, true);
    }

    /// @dev A provider can have itself convicted with a right result, too: by silence, by a second signature, by another
    /// trace before the court. Who agreed with the right one must not pay for that.
    function _disproves(IArbiter arbiter, uint256 caseId, bytes32 traceRoot) private view returns (bool) {
        return address(arbiter) != address(0) && arbiter.disprovenTraceOf(caseId) == traceRoot;
    }

    /// @dev Written down for clients to see; a provider that audits the model itself loses a ticket, too.
    function _blameSilence(uint256 jobId, address provider, uint256 modelId) private {
        uint256 times = ++silencesOf[provider];

        emit ProviderSilent(jobId, provider, times);

        _loseTicket(modelId, provider, jobId);
    }

    /// @dev An honest provider is not slashed where the proof court judges, and who cheats may be its own finder.
    function _stakes(Exposure calldata exposure) private view returns (AuditMath.Stakes memory) {
        return
            AuditMath.Stakes({
                gain: exposure.gain,
                fee: exposure.fee,
                cost: exposure.cost,
                cheatCost: exposure.cheatCost,
                honestBps: exposure.honestBps,
                finderBps: DISPUTES.FINDER_BPS(),
                errorBps: 0
            });
    }

    function _setAuditRate(uint16 rateBps) private {
        if (rateBps > MAX_AUDIT_RATE_BPS) revert AuditOffice_RateAboveCap(rateBps, MAX_AUDIT_RATE_BPS);
        auditRateBps = rateBps;
        emit AuditRateChanged(rateBps);
    }

    function _answerBy(Audit storage audit) private view returns (uint48) {
        return audit.committedAt + ANSWER_PERIOD;
    }

    function _longestAudit() internal view override returns (uint256) {
        return uint256(ANSWER_PERIOD) + REVEAL_PERIOD + CHALLENGE_PERIOD;
    }

    function _sureWindow() internal view override returns (uint256) {
        return uint256(ROUND_PERIOD) + COMMIT_PERIOD + _longestAudit();
    }

    function _hasAudit(uint256 jobId) internal view override returns (bool) {
        return _audits[jobId].auditor != address(0);
    }
}
