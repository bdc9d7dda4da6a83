// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IModelRegistry} from "./IModelRegistry.sol";
import {JobTerms} from "../types/JobTypes.sol";

/// @title Audits drawn at random
/// @notice After a result is submitted a seed that nobody knew then decides whether the job is audited, and in which
/// order auditors may take it. The auditor binds itself to the trace it computed before the provider shows its own, and
/// the provider shows its own before the auditor does: neither can copy. An audit decides nothing about the job; it pays
/// for work that finds a wrong result while it can still be challenged.
interface IAuditOffice {
    /// @notice Where an audit stands, derived from its facts and the clock.
    enum Phase {
        None,
        /// The provider has to show the root of its trace.
        Answer,
        /// The auditor has to open its commitment.
        Reveal,
        /// Nobody knows yet whether the result stands.
        Wait,
        /// Anyone may close.
        Due,
        /// Terminal.
        Closed
    }

    /// @notice What an auditor's reveal amounts to.
    enum Finding {
        None,
        /// The auditor found the provider's output and trace.
        Agrees,
        /// It found another output or trace.
        Differs,
        /// The provider had shown nothing to compare with.
        Unanswered
    }

    /// @notice Periods, in seconds, and amounts, in units of the stake token.
    struct Settings {
        /// Least time between two rounds.
        uint32 roundPeriod;
        /// From a round's seed to the last commitment.
        uint32 commitPeriod;
        /// From the auditor's commitment to the provider's answer.
        uint32 answerPeriod;
        /// From then on to the auditor's reveal.
        uint32 revealPeriod;
        /// What must be left of the challenge window after that.
        uint32 challengePeriod;
        /// What one audit pays.
        uint128 auditPay;
        /// What stands behind each audit that an auditor has in hand.
        uint128 ticketLock;
        /// Share of jobs that are audited, in basis points.
        uint16 auditRateBps;
    }

    /// @notice A seed and the jobs it is for: those submitted before `askedAt` and not before the round before.
    struct Round {
        bytes32 seed;
        uint256 seedRequest;
        uint48 askedAt;
        /// When the seed was recorded; auditors' turns count from here.
        uint48 recordedAt;
        /// Share of its jobs that are audited, in basis points: what it was when the round before was asked for, so
        /// before any of its jobs was submitted.
        uint16 rateBps;
    }

    /// @notice An auditor's tickets for one model.
    struct Membership {
        /// Locks of `TICKET_LOCK` that are left of its deposit: each is one lot in every draw.
        uint8 tickets;
        /// Tickets behind audits that are not closed.
        uint8 busy;
        /// Rounds asked for after this time count the tickets.
        uint48 since;
    }

    /// @notice One audit.
    struct Audit {
        address auditor;
        uint48 committedAt;
        Finding finding;
        bool closed;
        /// The job was challenged already when the audit began.
        bool challenged;
        address provider;
        /// Last second of the job's challenge window.
        uint48 challengeableUntil;
        /// Who paid for it; zero for the fund of the model.
        address booker;
        uint256 modelId;
        bytes32 outputCommitment;
        bytes32 commitment;
        /// Root of the provider's trace; zero until it is shown.
        bytes32 answer;
    }

    /// @notice What a client knows of its job, amounts in units of one token.
    struct Exposure {
        /// What a wrong answer is worth to whoever gives it.
        uint128 gain;
        /// Price of the job.
        uint128 fee;
        /// What the honest computation costs.
        uint128 cost;
        /// What cheating costs.
        uint128 cheatCost;
        /// Chance that the auditor of a drawn job is honest and there in time, in basis points.
        uint16 honestBps;
    }

    /// @notice What makes honesty pay for a job.
    struct Quote {
        /// Rate at which new jobs of the model are audited: the lower one while a change is under way. Zero if its fund
        /// or its pool is empty, or the challenge window of a new job too short.
        uint16 rateBps;
        /// Whether any stake suffices at that rate.
        bool possible;
        /// Least stake behind the job at that rate.
        uint256 stake;
        /// Whether any stake suffices if the audit is booked; false if the pool is empty or the window too short.
        bool possibleBooked;
        /// Least stake behind the job if the audit is booked.
        uint256 stakeBooked;
    }

    /// @notice A provider has tickets for a model.
    event AuditorEnrolled(uint256 indexed modelId, address indexed auditor, uint8 tickets);
    /// @notice Tickets that no audit needs were given back.
    event AuditorLeft(uint256 indexed modelId, address indexed auditor, uint8 freed, uint8 tickets);
    /// @notice A ticket was lost; `amount` went to the treasury.
    event TicketLost(uint256 indexed modelId, address indexed auditor, uint256 indexed jobId, uint128 amount);
    /// @notice A seed was asked for, or asked for again.
    event SeedAsked(uint256 indexed round, uint256 seedRequest);
    /// @notice A seed is known for good.
    event SeedRecorded(uint256 indexed round, bytes32 seed);
    /// @notice A model's audits were paid for in advance.
    event FundAdded(uint256 indexed modelId, address indexed from, uint128 amount);
    /// @notice A job's audit was paid for, drawn or not.
    event AuditBooked(uint256 indexed jobId, address indexed booker, uint128 amount);
    /// @notice A booked audit did not take place.
    event BookingRefunded(uint256 indexed jobId, address indexed booker, uint128 amount);
    /// @notice An auditor bound itself: the provider has to answer.
    event AuditCommitted(
        uint256 indexed jobId,
        address indexed auditor,
        address indexed provider,
        uint256 round,
        bytes32 commitment,
        uint48 answerBy,
        uint48 revealBy
    );
    /// @notice The provider showed the root of its trace.
    event TraceAnswered(uint256 indexed jobId, address indexed provider, bytes32 traceRoot);
    /// @notice The auditor opened its commitment.
    event AuditRevealed(
        uint256 indexed jobId,
        address indexed auditor,
        bytes32 outputCommitment,
        bytes32 traceRoot,
        Finding finding
    );
    /// @notice An audit ended. `paid` went to the auditor; if zero, the pay went back where it came from.
    event AuditClosed(uint256 indexed jobId, address indexed auditor, Finding finding, bool upheld, uint128 paid);
    /// @notice A provider let an audit's deadline pass.
    event ProviderSilent(uint256 indexed jobId, address indexed provider, uint256 times);
    /// @notice Jobs of rounds that follow the open one are audited at another rate.
    event AuditRateChanged(uint16 auditRateBps);

    error AuditOffice_ZeroPeriod();
    error AuditOffice_PeriodsTooLong(uint256 total, uint256 cap);
    error AuditOffice_PayNotBelowLock(uint128 auditPay, uint128 ticketLock);
    error AuditOffice_RateAboveCap(uint16 auditRateBps, uint16 cap);
    error AuditOffice_ZeroAmount();
    error AuditOffice_NoOffer(address auditor, uint256 modelId);
    error AuditOffice_TooManyTickets(uint256 tickets, uint256 max);
    error AuditOffice_NoTicketFree(uint256 modelId, address auditor);
    error AuditOffice_NotAllowed(address account, address caller);
    error AuditOffice_RoundTooEarly(uint256 at);
    error AuditOffice_UnknownRound(uint256 round);
    error AuditOffice_SeedNotReady(uint256 round);
    error AuditOffice_AlreadyRecorded(uint256 round);
    error AuditOffice_OtherRound(uint256 round, uint256 submittedAt);
    error AuditOffice_TooNew(address auditor, uint48 since, uint48 askedAt);
    error AuditOffice_NotDrawn(uint256 jobId);
    error AuditOffice_NotYourTurn(address auditor, uint256 turnAt);
    error AuditOffice_TooLate(uint256 jobId, uint256 deadline);
    error AuditOffice_Party(address auditor);
    error AuditOffice_NoExactBytes(uint256 modelId, IModelRegistry.Profile profile);
    error AuditOffice_WindowTooShort(uint256 window, uint256 required);
    error AuditOffice_WrongStatus(uint256 jobId);
    error AuditOffice_OutputMismatch(uint256 jobId, bytes32 outputCommitment);
    error AuditOffice_FundEmpty(uint256 modelId, uint128 available, uint128 required);
    error AuditOffice_AlreadyBooked(uint256 jobId);
    error AuditOffice_NotBooked(uint256 jobId);
    error AuditOffice_AlreadyAudited(uint256 jobId);
    error AuditOffice_WrongPhase(uint256 jobId, Phase current, Phase expected);
    error AuditOffice_EmptyCommitment();
    error AuditOffice_EmptyTrace();
    error AuditOffice_CommitmentMismatch(uint256 jobId);

    /// @notice Adds tickets for a model and locks `TICKET_LOCK` for each. All its tickets count in rounds asked for from
    /// the next second on. Only a provider with an offer for the model, or its operator.
    function enrol(uint256 modelId, address auditor, uint8 tickets) external;

    /// @notice Gives back the tickets that no open audit needs and frees their locks. The provider or its operator.
    function leave(uint256 modelId, address auditor) external;

    /// @notice Opens a round, for the jobs submitted since the one before. Anyone, every `ROUND_PERIOD` at most.
    function askSeed() external returns (uint256 round);

    /// @notice Writes a round's seed down; asks for another if it was missed. Anyone.
    function recordSeed(uint256 round) external;

    /// @notice Pays for audits of a model from the caller's escrow balance. What is paid in leaves only as pay of audits.
    function fund(uint256 modelId, uint128 amount) external;

    /// @notice Has one job audited for certain, for `AUDIT_PAY` from the caller's escrow balance. Before an audit of it
    /// began, and only if its challenge window leaves time for one whenever it is submitted. Anyone.
    function book(JobTerms calldata terms) external;

    /// @notice Gives the booker its money back once the job cannot be audited any more. Anyone.
    function refundBooking(uint256 jobId) external;

    /// @notice Takes a drawn or booked job, challenged or not: `commitmentOf` of what the auditor found. From its turn on, by the
    /// auditor or its operator; refused if the audit could not end `CHALLENGE_PERIOD` before the challenge window does.
    /// @param outputCommitment The output in question, as it was submitted.
    /// @param round The first one asked for after the submission.
    function commit(
        JobTerms calldata terms,
        bytes32 outputCommitment,
        uint256 round,
        address auditor,
        bytes32 commitment
    ) external;

    /// @notice Shows the root of the provider's trace. Only the provider or its operator.
    function answer(uint256 jobId, bytes32 traceRoot) external;

    /// @notice Opens the auditor's commitment, once the provider answered or its time is up. Only the auditor or its
    /// operator.
    function reveal(uint256 jobId, bytes32 outputCommitment, bytes32 traceRoot, bytes32 salt) external;

    /// @notice Ends an audit and pays who earned it. Anyone.
    function close(uint256 jobId) external;

    /// @notice Sets the share of jobs that are audited, for those submitted after the next seed was asked for. Admin, after its delay.
    function setAuditRate(uint16 auditRateBps) external;

    /// @notice The commitment bound to chain, contract, job and auditor.
    function commitmentOf(
        uint256 jobId,
        address auditor,
        bytes32 outputCommitment,
        bytes32 traceRoot,
        bytes32 salt
    ) external view returns (bytes32);

    /// @notice Where an audit stands.
    function phaseOf(uint256 jobId) external view returns (Phase);

    /// @notice One audit.
    function auditOf(uint256 jobId) external view returns (Audit memory);

    /// @notice The root of the trace that the provider of a job is bound to; zero if it never answered.
    function answerOf(uint256 jobId) external view returns (bytes32 traceRoot);

    /// @notice Whether a round's seed draws a job, at the round's rate.
    function isDrawn(uint256 jobId, uint256 round) external view returns (bool);

    /// @notice From when on an auditor with this many tickets may take a job.
    function turnOf(uint256 jobId, uint256 round, address auditor, uint8 tickets) external view returns (uint256);

    /// @notice One round.
    function roundOf(uint256 round) external view returns (Round memory);

    /// @notice Latest round.
    function lastRound() external view returns (uint256);

    /// @notice An auditor's tickets for a model.
    function membershipOf(uint256 modelId, address auditor) external view returns (Membership memory);

    /// @notice Tickets of all auditors of a model.
    function ticketsOf(uint256 modelId) external view returns (uint256);

    /// @notice What is left to pay audits of a model with.
    function fundOf(uint256 modelId) external view returns (uint128);

    /// @notice Who booked an audit of a job that has not begun.
    function bookerOf(uint256 jobId) external view returns (address);

    /// @notice Audits whose deadline a provider let pass.
    function silencesOf(address provider) external view returns (uint256);

    /// @notice Stake and audit rate that make honesty pay for a job of a model.
    function quote(uint256 modelId, Exposure calldata exposure) external view returns (Quote memory);

    /// @notice The audit rate that a job with this stake needs.
    /// @return possible False if not even an audit of every job is enough.
    function rateFor(Exposure calldata exposure, uint128 stake) external view returns (bool possible, uint16 rateBps);

    /// @notice Share of jobs that rounds not open yet will audit, in basis points: `Round.rateBps` for the others.
    function auditRateBps() external view returns (uint16);
}
