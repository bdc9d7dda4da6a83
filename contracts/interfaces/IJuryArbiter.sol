// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IArbiter} from "./IArbiter.sol";
import {Ruling} from "../types/DisputeTypes.sol";

/// @title Drawn re-execution
/// @notice Jurors are providers of the model who enrolled with a deposit. After a challenge some are drawn by stake
/// weight; each re-executes the job, commits to the output it found, then reveals. The majority of revealed weight
/// decides. Sound only while most of the drawn weight is honest.
interface IJuryArbiter is IArbiter {
    /// @notice Where a case stands, derived from its facts and the clock.
    enum Phase {
        None,
        /// Waiting for the seed and for anyone to draw.
        Draw,
        Commit,
        Reveal,
        /// Anyone may close.
        Count,
        /// Terminal.
        Closed
    }

    /// @notice What a juror revealed.
    enum Vote {
        None,
        /// It found the output under challenge.
        Agrees,
        /// It found another output.
        Differs,
        /// It could not execute the job, for want of the input say, and revealed zero.
        Abstains
    }

    /// @notice How the clock of a case runs.
    struct Periods {
        uint48 draw;
        uint48 commit;
        uint48 reveal;
    }

    /// @notice What a juror has at stake in the pool of a model.
    struct Membership {
        /// Locks of `JUROR_LOCK` that are left of its deposit.
        uint8 locks;
        /// Cases it sits in that are not closed. There is no most.
        uint32 openSeats;
        /// It left: what is left of its deposit is freed with its last open seat.
        bool leaving;
    }

    /// @notice One juror's part in a case.
    struct Seat {
        /// Bonded stake when the case opened.
        uint128 weight;
        bytes32 commitment;
        Vote vote;
    }

    /// @notice One case.
    struct JuryCase {
        uint256 modelId;
        bytes32 outputCommitment;
        /// keccak256(abi.encode(pool, weights)) of the jurors that may be drawn.
        bytes32 poolHash;
        uint256 seedRequest;
        uint48 openedAt;
        uint48 commitEnd;
        uint48 revealEnd;
        uint8 round;
        uint8 committed;
        uint8 revealed;
        /// Revealed and not abstaining.
        uint8 voted;
        bool closed;
        bool paid;
        uint128 weightFor;
        uint128 weightAgainst;
        /// Penalties of this case, held for its jurors.
        uint128 penalties;
        address[] jurors;
    }

    /// @notice A provider may be drawn for a model.
    event JurorEnrolled(uint256 indexed modelId, address indexed juror, address indexed replaced);
    /// @notice A provider may no longer be drawn for a model: it left, or silence cost it its whole deposit.
    event JurorLeft(uint256 indexed modelId, address indexed juror);
    /// @notice A juror that left has what was left of its deposit free again.
    event JurorDepositFreed(uint256 indexed modelId, address indexed juror, uint128 amount);
    /// @notice A case waits for its seed. `pool` and `weights` are what `draw` needs.
    event JuryCaseOpened(
        uint256 indexed caseId,
        uint256 indexed jobId,
        uint256 indexed modelId,
        uint256 seedRequest,
        address[] pool,
        uint128[] weights
    );
    /// @notice The seed was missed: a new one was asked for, in a new round.
    event SeedRequestedAgain(uint256 indexed caseId, uint8 round, uint256 seedRequest);
    /// @notice The jury of a case.
    event JurorsDrawn(
        uint256 indexed caseId,
        uint256 indexed jobId,
        uint8 round,
        address[] jurors,
        uint48 commitEnd,
        uint48 revealEnd
    );
    /// @notice A juror bound itself to an output.
    event VoteCommitted(uint256 indexed caseId, address indexed juror, bytes32 commitment);
    /// @notice A juror opened its commitment.
    event VoteRevealed(
        uint256 indexed caseId,
        address indexed juror,
        bytes32 outputCommitment,
        Vote vote,
        uint128 weight
    );
    /// @notice A juror that drew a seat did not reveal. `amount` is zero if nothing was left of its deposit.
    event JurorPenalised(uint256 indexed caseId, address indexed juror, uint128 amount);
    /// @notice The votes were counted.
    event JuryCaseClosed(
        uint256 indexed caseId,
        Ruling ruling,
        uint128 weightFor,
        uint128 weightAgainst,
        uint8 revealed,
        uint128 penalties
    );
    /// @notice A juror was paid its part.
    event JurorPaid(uint256 indexed caseId, address indexed juror, uint128 amount);

    error JuryArbiter_NotDisputes(address caller);
    error JuryArbiter_PeriodsTooLong(uint256 total, uint256 cap);
    error JuryArbiter_BadJurySize(uint256 jurySize, uint256 max);
    error JuryArbiter_NoOffer(address juror, uint256 modelId);
    error JuryArbiter_AlreadyEnrolled(address juror, uint256 modelId);
    error JuryArbiter_NotEnrolled(address juror, uint256 modelId);
    error JuryArbiter_PoolFull(uint256 modelId, uint128 leastBonded);
    error JuryArbiter_TooFewJurors(uint256 modelId, uint256 eligible, uint256 required);
    error JuryArbiter_WrongPhase(uint256 caseId, Phase current, Phase expected);
    error JuryArbiter_PoolMismatch(uint256 caseId);
    error JuryArbiter_SeedNotReady(uint256 caseId, uint256 seedRequest);
    error JuryArbiter_SeedNotExpired(uint256 caseId, uint256 seedRequest);
    error JuryArbiter_NotJuror(uint256 caseId, address juror);
    error JuryArbiter_AlreadyCommitted(uint256 caseId, address juror);
    error JuryArbiter_EmptyCommitment();
    error JuryArbiter_AlreadyRevealed(uint256 caseId, address juror);
    error JuryArbiter_CommitmentMismatch(uint256 caseId, address juror);
    error JuryArbiter_NotResolved(uint256 caseId);
    error JuryArbiter_AlreadyPaid(uint256 caseId);
    error JuryArbiter_NotAllowed(address juror, address caller);
    error JuryArbiter_ZeroLock();

    /// @notice Lets a provider with an offer for the model be drawn, as often as there are cases; locks a deposit of
    /// `SILENT_SEATS` times `JUROR_LOCK`, or what is missing to it. The provider or its operator. In a full pool it takes
    /// the place of the member with the least bonded stake, if that has less; who is replaced keeps its deposit locked
    /// until it leaves, and its seats in cases that were open.
    function enrol(uint256 modelId, address juror) external;

    /// @notice Leaves: no further draw. Frees what is left of the deposit, or if the juror still sits in a case, when
    /// the last such case is closed. The provider or its operator.
    function leave(uint256 modelId, address juror) external;

    /// @notice Draws the jury once the seed is known. Anyone, with the pool as `JuryCaseOpened` emitted it.
    function draw(uint256 caseId, address[] calldata pool, uint128[] calldata weights) external;

    /// @notice Asks for a new seed if the last one was missed. Anyone.
    function requestSeedAgain(uint256 caseId) external;

    /// @notice Commits a juror's vote: `commitmentOf` of what it found. The juror or its operator, once.
    function commitVote(uint256 caseId, address juror, bytes32 commitment) external;

    /// @notice Opens a juror's commitment: the output it found, or zero if it could not execute the job. The juror or its
    /// operator, from the last commitment or the end of the commit period on.
    function revealVote(uint256 caseId, address juror, bytes32 outputCommitment, bytes32 salt) external;

    /// @notice Counts the votes, ends the seats and takes a lock from each who did not reveal and has one left. Anyone.
    function close(uint256 caseId) external;

    /// @notice Shares reward and penalties of a resolved case among the jurors that earned them: those who voted with
    /// the majority, or all who voted if there was none. Anyone, once.
    function payJurors(uint256 caseId) external;

    /// @notice The commitment bound to chain, contract, case, round and juror.
    function commitmentOf(
        uint256 caseId,
        address juror,
        bytes32 outputCommitment,
        bytes32 salt
    ) external view returns (bytes32);

    /// @notice Where the case stands.
    function phaseOf(uint256 caseId) external view returns (Phase);

    /// @notice One case.
    function juryCaseOf(uint256 caseId) external view returns (JuryCase memory);

    /// @notice A juror's seat.
    function seatOf(uint256 caseId, address juror) external view returns (Seat memory);

    /// @notice Everyone who may be drawn for a model.
    function poolOf(uint256 modelId) external view returns (address[] memory);

    /// @notice What a juror has at stake in the pool of a model.
    function membershipOf(uint256 modelId, address juror) external view returns (Membership memory);

    /// @notice Stake that a juror loses for each seat in which it does not reveal, as long as its deposit lasts.
    // solhint-disable-next-line func-name-mixedcase
    function JUROR_LOCK() external view returns (uint128);
}
