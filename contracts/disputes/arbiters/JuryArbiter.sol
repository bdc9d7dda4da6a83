// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IArbiter} from "../../interfaces/IArbiter.sol";
import {IDisputeManager} from "../../interfaces/IDisputeManager.sol";
import {IJuryArbiter} from "../../interfaces/IJuryArbiter.sol";
import {IPaymentEscrow} from "../../interfaces/IPaymentEscrow.sol";
import {IProviderRegistry} from "../../interfaces/IProviderRegistry.sol";
import {IProviderStaking} from "../../interfaces/IProviderStaking.sol";
import {IRandomness} from "../../interfaces/IRandomness.sol";
import {CaseFacts, Ruling} from "../../types/DisputeTypes.sol";
import {MAX_RESOLUTION, RESOLUTION_GRACE} from "../../types/Limits.sol";
import {JurorPool} from "./JurorPool.sol";

/// @title Drawn re-execution
contract JuryArbiter is JurorPool {
    using SafeERC20 for IERC20;

    /// @notice What a vote's commitment begins with.
    bytes32 public constant VOTE_TAG = keccak256("assay.jury.vote.v1");
    /// @notice Largest jury.
    uint8 public constant MAX_JURY = 15;

    IDisputeManager public immutable DISPUTES;
    IPaymentEscrow public immutable ESCROW;
    IRandomness public immutable RANDOMNESS;
    IERC20 public immutable STAKE_TOKEN;
    uint48 public immutable DRAW_PERIOD;
    uint48 public immutable COMMIT_PERIOD;
    uint48 public immutable REVEAL_PERIOD;
    /// @notice Seats of a jury.
    uint8 public immutable JURY_SIZE;
    /// @notice Votes a decision needs: more than half of the seats.
    uint8 public immutable QUORUM;

    mapping(uint256 caseId => JuryCase) private _cases;
    mapping(uint256 caseId => mapping(address juror => Seat)) private _seats;

    modifier inPhase(uint256 caseId, Phase expected) {
        Phase current = phaseOf(caseId);
        if (current != expected) revert JuryArbiter_WrongPhase(caseId, current, expected);
        _;
    }

    constructor(
        IDisputeManager disputes,
        IPaymentEscrow escrow,
        IProviderStaking staking,
        IProviderRegistry providers,
        IRandomness randomness,
        Periods memory periods,
        uint8 jurySize,
        uint128 jurorLock
    ) JurorPool(providers, staking, jurorLock) {
        uint256 total = uint256(periods.draw) + periods.commit + periods.reveal;
        uint256 cap = MAX_RESOLUTION - RESOLUTION_GRACE;
        if (total > cap) revert JuryArbiter_PeriodsTooLong(total, cap);
        if (jurySize == 0 || jurySize > MAX_JURY) revert JuryArbiter_BadJurySize(jurySize, MAX_JURY);

        DISPUTES = disputes;
        ESCROW = escrow;
        RANDOMNESS = randomness;
        STAKE_TOKEN = staking.STAKE_TOKEN();
        (DRAW_PERIOD, COMMIT_PERIOD, REVEAL_PERIOD) = (periods.draw, periods.commit, periods.reveal);
        JURY_SIZE = jurySize;
        QUORUM = jurySize / 2 + 1;
        STAKE_TOKEN.forceApprove(address(escrow), type(uint256).max);
    }

    /// @inheritdoc IArbiter
    function openCase(uint256 caseId, CaseFacts calldata facts) external {
        if (msg.sender != address(DISPUTES)) revert JuryArbiter_NotDisputes(msg.sender);
        (address[] memory pool, uint128[] memory weights) = _eligible(facts);
        // A challenge that no jury can hear is refused here, before it costs the challenger anything.
        if (pool.length < JURY_SIZE) revert JuryArbiter_TooFewJurors(facts.modelId, pool.length, JURY_SIZE);

        uint256 seedRequest = RANDOMNESS.requestSeed();
        JuryCase storage case_ = _cases[caseId];
        case_.modelId = facts.modelId;
        case_.outputCommitment = facts.outputCommitment;
        case_.poolHash = keccak256(abi.encode(pool, weights));
        case_.seedRequest = seedRequest;
        case_.openedAt = uint48(block.timestamp);

        emit JuryCaseOpened(caseId, facts.jobId, facts.modelId, seedRequest, pool, weights);
    }

    /// @inheritdoc IJuryArbiter
    function draw(
        uint256 caseId,
        address[] calldata pool,
        uint128[] calldata weights
    ) external inPhase(caseId, Phase.Draw) {
        JuryCase storage case_ = _cases[caseId];
        if (case_.poolHash != keccak256(abi.encode(pool, weights))) revert JuryArbiter_PoolMismatch(caseId);
        (bytes32 seed, ) = RANDOMNESS.seedOf(case_.seedRequest);
        if (seed == 0) revert JuryArbiter_SeedNotReady(caseId, case_.seedRequest);

        case_.commitEnd = uint48(block.timestamp) + COMMIT_PERIOD;
        case_.revealEnd = case_.commitEnd + REVEAL_PERIOD;
        _seat(caseId, seed, pool, weights);

        emit JurorsDrawn(
            caseId,
            DISPUTES.caseOf(caseId).jobId,
            case_.round,
            case_.jurors,
            case_.commitEnd,
            case_.revealEnd
        );
    }

    /// @inheritdoc IJuryArbiter
    function requestSeedAgain(uint256 caseId) external inPhase(caseId, Phase.Draw) {
        JuryCase storage case_ = _cases[caseId];
        (, bool expired) = RANDOMNESS.seedOf(case_.seedRequest);
        if (!expired) revert JuryArbiter_SeedNotExpired(caseId, case_.seedRequest);

        case_.round += 1;
        case_.seedRequest = RANDOMNESS.requestSeed();

        emit SeedRequestedAgain(caseId, case_.round, case_.seedRequest);
    }

    /// @inheritdoc IJuryArbiter
    function commitVote(
        uint256 caseId,
        address juror,
        bytes32 commitment
    ) external inPhase(caseId, Phase.Commit) onlyJurorKey(juror) {
        Seat storage seat = _requireSeat(caseId, juror);
        if (commitment == 0) revert JuryArbiter_EmptyCommitment();
        if (seat.commitment != 0) revert JuryArbiter_AlreadyCommitted(caseId, juror);

        seat.commitment = commitment;
        _cases[caseId].committed += 1;

        emit VoteCommitted(caseId, juror, commitment);
    }

    /// @inheritdoc IJuryArbiter
    function revealVote(
        uint256 caseId,
        address juror,
        bytes32 outputCommitment,
        bytes32 salt
    ) external inPhase(caseId, Phase.Reveal) onlyJurorKey(juror) {
        Seat storage seat = _requireSeat(caseId, juror);
        if (seat.vote != Vote.None) revert JuryArbiter_AlreadyRevealed(caseId, juror);
        if (seat.commitment != commitmentOf(caseId, juror, outputCommitment, salt)) {
            revert JuryArbiter_CommitmentMismatch(caseId, juror);
        }

        JuryCase storage case_ = _cases[caseId];
        seat.vote = _voteFor(outputCommitment, case_.outputCommitment);
        case_.revealed += 1;
        if (seat.vote != Vote.Abstains) case_.voted += 1;
        if (seat.vote == Vote.Agrees) case_.weightFor += seat.weight;
        if (seat.vote == Vote.Differs) case_.weightAgainst += seat.weight;

        emit VoteRevealed(caseId, juror, outputCommitment, seat.vote, seat.weight);
    }

    /// @inheritdoc IJuryArbiter
    function close(uint256 caseId) external inPhase(caseId, Phase.Count) {
        JuryCase storage case_ = _cases[caseId];
        case_.closed = true;

        uint128 penalties = 0;
        for (uint256 i = 0; i < case_.jurors.length; ++i) {
            address juror = case_.jurors[i];
            bool silent = _seats[caseId][juror].vote == Vote.None;
            uint128 penalty = _endSeat(case_.modelId, juror, silent);
            penalties += penalty;
            if (silent) emit JurorPenalised(caseId, juror, penalty);
        }
        case_.penalties = penalties;

        emit JuryCaseClosed(caseId, _ruling(case_), case_.weightFor, case_.weightAgainst, case_.revealed, penalties);

        if (penalties > 0) ESCROW.deposit(address(STAKE_TOKEN), address(this), penalties);
    }

    /// @inheritdoc IJuryArbiter
    function payJurors(uint256 caseId) external inPhase(caseId, Phase.Closed) {
        JuryCase storage case_ = _cases[caseId];
        IDisputeManager.Case memory outer = DISPUTES.caseOf(caseId);
        if (outer.ruling == Ruling.None) revert JuryArbiter_NotResolved(caseId);
        if (case_.paid) revert JuryArbiter_AlreadyPaid(caseId);

        case_.paid = true;
        _share(caseId, case_, outer.arbiterReward + case_.penalties);
    }

    /// @inheritdoc IArbiter
    function rulingOf(uint256 caseId) external view returns (Ruling ruling, address finder) {
        return (_cases[caseId].closed ? _ruling(_cases[caseId]) : Ruling.None, address(0));
    }

    /// @inheritdoc IArbiter
    function disprovenTraceOf(uint256) external pure returns (bytes32) {
        return 0;
    }

    /// @inheritdoc IArbiter
    function isPaid() external pure returns (bool) {
        return true;
    }

    /// @inheritdoc IArbiter
    function resolutionPeriod() external view returns (uint48) {
        return DRAW_PERIOD + COMMIT_PERIOD + REVEAL_PERIOD;
    }

    /// @inheritdoc IJuryArbiter
    function juryCaseOf(uint256 caseId) external view returns (JuryCase memory) {
        return _cases[caseId];
    }

    /// @inheritdoc IJuryArbiter
    function seatOf(uint256 caseId, address juror) external view returns (Seat memory) {
        return _seats[caseId][juror];
    }

    /// @inheritdoc IJuryArbiter
    /// @dev A phase ends early once nobody is left to act in it.
    function phaseOf(uint256 caseId) public view returns (Phase) {
        JuryCase storage case_ = _cases[caseId];
        if (case_.openedAt == 0) return Phase.None;
        if (case_.closed) return Phase.Closed;
        if (case_.commitEnd == 0) return block.timestamp <= case_.openedAt + DRAW_PERIOD ? Phase.Draw : Phase.Count;
        uint256 seats = case_.jurors.length;
        if (block.timestamp <= case_.commitEnd && case_.committed < seats) return Phase.Commit;
        if (block.timestamp <= case_.revealEnd && case_.revealed < seats) return Phase.Reveal;
        return Phase.Count;
    }

    /// @inheritdoc IJuryArbiter
    function commitmentOf(
        uint256 caseId,
        address juror,
        bytes32 outputCommitment,
        bytes32 salt
    ) public view returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    VOTE_TAG,
                    block.chainid,
                    address(this),
                    caseId,
                    _cases[caseId].round,
                    juror,
                    outputCommitment,
                    salt
                )
            );
    }

    /// @dev Draws without replacement, each seat by the weight of who is left. The seat of who can no longer sit stays
    /// empty: a member that leaves once the seed is known must not choose who sits in its place.
    function _seat(uint256 caseId, bytes32 seed, address[] memory pool, uint128[] memory weights) private {
        uint256 total = 0;
        for (uint256 i = 0; i < weights.length; ++i) total += weights[i];
        JuryCase storage case_ = _cases[caseId];
        // At least as many as there are seats, and each weighs something: `openCase` made sure.
        for (uint256 nonce = 0; nonce < JURY_SIZE; ++nonce) {
            uint256 picked = _pick(weights, uint256(keccak256(abi.encode(seed, caseId, nonce))) % total);
            (address juror, uint128 weight) = (pool[picked], weights[picked]);
            total -= weight;
            weights[picked] = 0;
            if (!_takeSeat(case_.modelId, juror)) continue;
            case_.jurors.push(juror);
            _seats[caseId][juror].weight = weight;
        }
    }

    /// @dev Equal parts of `pot` for those who earned one; what does not divide goes to the first. Without any, all of
    /// it goes to the treasury of the market.
    function _share(uint256 caseId, JuryCase storage case_, uint128 pot) private {
        Ruling ruling = _ruling(case_);
        uint128 count = 0;
        for (uint256 i = 0; i < case_.jurors.length; ++i) {
            if (_earned(_seats[caseId][case_.jurors[i]].vote, ruling)) ++count;
        }
        if (pot == 0) return;
        if (count == 0) return ESCROW.transfer(address(STAKE_TOKEN), DISPUTES.treasury(), pot);

        uint128 extra = pot % count;
        for (uint256 i = 0; i < case_.jurors.length; ++i) {
            address juror = case_.jurors[i];
            if (!_earned(_seats[caseId][juror].vote, ruling)) continue;
            uint128 amount = pot / count + extra;
            extra = 0;
            emit JurorPaid(caseId, juror, amount);
            ESCROW.transfer(address(STAKE_TOKEN), juror, amount);
        }
    }

    function _requireSeat(uint256 caseId, address juror) private view returns (Seat storage seat) {
        seat = _seats[caseId][juror];
        if (seat.weight == 0) revert JuryArbiter_NotJuror(caseId, juror);
    }

    function _ruling(JuryCase storage case_) private view returns (Ruling) {
        if (case_.voted < QUORUM || case_.weightFor == case_.weightAgainst) return Ruling.Inconclusive;
        return case_.weightAgainst > case_.weightFor ? Ruling.Upheld : Ruling.Rejected;
    }

    function _earned(Vote vote, Ruling ruling) private pure returns (bool) {
        if (ruling == Ruling.Upheld) return vote == Vote.Differs;
        if (ruling == Ruling.Rejected) return vote == Vote.Agrees;
        return vote == Vote.Agrees || vote == Vote.Differs;
    }

    function _voteFor(bytes32 found, bytes32 claimed) private pure returns (Vote) {
        if (found == 0) return Vote.Abstains;
        return found == claimed ? Vote.Agrees : Vote.Differs;
    }

    function _pick(uint128[] memory weights, uint256 point) private pure returns (uint256 index) {
        while (point >= weights[index]) {
            point -= weights[index];
            ++index;
        }
    }
}
