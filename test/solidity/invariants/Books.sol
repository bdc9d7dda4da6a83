// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IInferenceMarket} from "../../../contracts/interfaces/IInferenceMarket.sol";
import {IJuryArbiter} from "../../../contracts/interfaces/IJuryArbiter.sol";
import {Ruling} from "../../../contracts/types/DisputeTypes.sol";
import {JobStatus, JobTerms} from "../../../contracts/types/JobTypes.sol";
import {Cast} from "./Cast.sol";

/// What the campaign knows of every account, job and case. Written from the rules in `docs/`, from what the actors did
/// and from the clock; never copied from a contract, so that a wrong figure there differs from the one here.
abstract contract Books is Cast {
    struct Model {
        address owner;
        uint16 royaltyBps;
        bool deprecated;
    }

    struct Worker {
        bool registered;
        bool draining;
        address operator;
        address payout;
    }

    struct Offer {
        uint128 price;
        uint96 stake;
        uint32 maxDuration;
    }

    struct Leaving {
        uint256 amount;
        uint256 at;
    }

    enum Stage {
        None,
        Requested,
        Submitted,
        Disputed,
        Paid,
        Refunded
    }

    struct Job {
        JobTerms terms;
        uint256 id;
        Stage stage;
        bytes32 output;
        uint256 phaseEnd;
        /// What the market said it was after the last action.
        JobStatus seen;
        /// The market knew it once and does not any more.
        bool gone;
        /// Terminal events the market emitted about it.
        uint256 endings;
    }

    struct Pot {
        IInferenceMarket.EarningsKey key;
        uint256 amount;
        uint256 stake;
    }

    struct Case {
        uint256 jobId;
        address challenger;
        uint256 openedAt;
        uint256 slashCap;
        uint256 bond;
        /// Not one that ended as it opened, by two signed results.
        bool heard;
        address[] pool;
        uint128[] weights;
        uint256 seedBlock;
        uint256 round;
        address[] jurors;
        uint256 commitEnd;
        uint256 committed;
        uint256 revealed;
        bool closed;
        bool paid;
        Ruling ruling;
        /// What the ruling and the penalties left for the jurors.
        uint256 reward;
    }

    struct Seat {
        uint256 weight;
        bool committed;
        bool revealed;
        bytes32 found;
        bytes32 salt;
    }

    struct Parameters {
        bool paused;
        uint16 feeBps;
        uint32 window;
        uint128 minStake;
        address treasury;
    }

    Parameters internal _params;
    /// The most a job of the models, which a jury judges, may cost in a token.
    mapping(uint256 token => uint128) internal _capOf;
    /// Ids begin at one: the first entry stays empty.
    Model[] internal _models;
    Job[] internal _jobs;
    Case[] internal _cases;
    Pot[] internal _pots;
    mapping(bytes32 keyHash => uint256) private _potIndex;

    mapping(address provider => Worker) internal _workers;
    mapping(address provider => mapping(uint256 modelId => mapping(uint256 token => Offer))) internal _offers;
    mapping(uint256 modelId => mapping(address juror => bool)) internal _enrolled;
    /// What is left of the deposits of jurors, in locks, whether they still are in the pool or only in open cases.
    mapping(uint256 modelId => mapping(address juror => uint256)) internal _locks;
    mapping(uint256 caseId => mapping(address juror => Seat)) internal _seats;

    /// Balances in the escrow.
    mapping(uint256 token => mapping(address account => uint256)) public balance;
    mapping(uint256 token => uint256) public balanceSum;
    /// Prices of open jobs, bonds of open cases and pots: what the escrow holds for nobody yet.
    mapping(uint256 token => uint256) public held;
    /// All that is an account's, wherever it lies: minted, earned, received, less spent, sent and slashed.
    mapping(uint256 token => mapping(address account => uint256)) public owned;

    mapping(address provider => uint256) public bonded;
    mapping(address provider => Leaving[]) internal _leaving;
    mapping(address provider => uint256) public locked;
    uint256 public stakeSum;

    uint256 public bondsPosted;
    uint256 public bondsReturned;
    uint256 public bondsForfeited;
    mapping(uint256 token => uint256) public pricesPaidIn;
    mapping(uint256 token => uint256) public pricesRefunded;
    mapping(uint256 token => uint256) public pricesEarned;

    /// The ghost numbers jobs from one; their ids are of the market.
    mapping(uint256 jobId => uint256 number) internal _numberOf;
    /// How often an account's money in a token was held.
    mapping(uint256 token => mapping(address account => uint64)) internal _holds;

    function isOver(uint256 number) public view returns (bool) {
        return _jobs[number].stage == Stage.Paid || _jobs[number].stage == Stage.Refunded;
    }

    function jobCount() public view returns (uint256) {
        return _jobs.length - 1;
    }

    function caseCount() public view returns (uint256) {
        return _cases.length - 1;
    }

    function potCount() external view returns (uint256) {
        return _pots.length;
    }

    function jobOf(uint256 number) external view returns (Job memory) {
        return _jobs[number];
    }

    function caseOf(uint256 caseId) external view returns (Case memory) {
        return _cases[caseId];
    }

    function seatOf(uint256 caseId, address juror) external view returns (Seat memory) {
        return _seats[caseId][juror];
    }

    function potOf(uint256 index) external view returns (Pot memory) {
        return _pots[index];
    }

    function unbonding(address provider) public view returns (uint256 sum) {
        for (uint256 i = 0; i < _leaving[provider].length; ++i) sum += _leaving[provider][i].amount;
    }

    function slashable(address provider) public view returns (uint256) {
        return bonded[provider] + unbonding(provider);
    }

    function free(address provider) public view returns (uint256) {
        return bonded[provider] > locked[provider] ? bonded[provider] - locked[provider] : 0;
    }

    /// What the rules and the clock say a job is.
    function statusOf(uint256 number) public view returns (JobStatus) {
        Job storage job = _jobs[number];
        bool over = block.timestamp > job.phaseEnd;
        if (job.stage == Stage.Requested) return over ? JobStatus.Expired : JobStatus.Requested;
        if (job.stage == Stage.Submitted) return over ? JobStatus.Finalisable : JobStatus.Submitted;
        return job.stage == Stage.Disputed ? JobStatus.Disputed : JobStatus.None;
    }

    /// What the rules and the clock say a case of the jury is.
    function phaseOf(uint256 caseId) public view returns (IJuryArbiter.Phase) {
        Case storage c = _cases[caseId];
        if (!c.heard) return IJuryArbiter.Phase.None;
        if (c.closed) return IJuryArbiter.Phase.Closed;
        if (c.commitEnd == 0) {
            return block.timestamp > c.openedAt + JURY_PERIOD ? IJuryArbiter.Phase.Count : IJuryArbiter.Phase.Draw;
        }
        uint256 seats = c.jurors.length;
        if (c.committed < seats && block.timestamp <= c.commitEnd) return IJuryArbiter.Phase.Commit;
        if (c.revealed < seats && block.timestamp <= c.commitEnd + JURY_PERIOD) return IJuryArbiter.Phase.Reveal;
        return IJuryArbiter.Phase.Count;
    }

    /// Cases of a model that are not closed and in which a juror sits, counted anew.
    function openSeatsOf(uint256 modelId, address juror) public view returns (uint256 count) {
        for (uint256 id = 1; id < _cases.length; ++id) {
            bool open = !_cases[id].closed && _jobs[_cases[id].jobId].terms.modelId == modelId;
            if (open && _seats[id][juror].weight > 0) ++count;
        }
    }

    function locksOf(uint256 modelId, address juror) external view returns (uint256) {
        return _locks[modelId][juror];
    }

    function modelCount() external view returns (uint256) {
        return _models.length - 1;
    }

    /// The verdict of the revealed votes: more weight wins, if more than half of the seats voted.
    function verdictOf(uint256 caseId) public view returns (Ruling) {
        Case storage c = _cases[caseId];
        bytes32 claimed = _jobs[c.jobId].output;
        (uint256 agreeing, uint256 differing, uint256 votes) = (0, 0, 0);
        for (uint256 i = 0; i < c.jurors.length; ++i) {
            Seat storage seat = _seats[caseId][c.jurors[i]];
            if (!seat.revealed || seat.found == 0) continue;
            ++votes;
            if (seat.found == claimed) agreeing += seat.weight;
            else differing += seat.weight;
        }
        if (2 * votes <= JURY_SIZE || agreeing == differing) return Ruling.Inconclusive;
        return agreeing > differing ? Ruling.Rejected : Ruling.Upheld;
    }

    /// Whether an offer makes its provider eligible for juries: also one that was closed above its cap.
    function _isCounted(Offer storage offer) internal view returns (bool) {
        return offer.maxDuration > 0 || offer.price > 0;
    }

    function _tokenOf(uint256 token) internal view returns (address) {
        return address(tokens[token]);
    }

    function _indexOf(address token) internal view returns (uint256) {
        return token == _tokenOf(STAKE) ? STAKE : PAY;
    }

    /// Money that becomes an account's, in the escrow.
    function _gain(uint256 token, address account, uint256 amount) internal {
        owned[token][account] += amount;
        _enter(token, account, amount);
    }

    /// Money in the escrow that ceases to be an account's.
    function _lose(uint256 token, address account, uint256 amount) internal {
        owned[token][account] -= amount;
        _leave(token, account, amount);
    }

    /// An account's own money comes into the escrow.
    function _enter(uint256 token, address account, uint256 amount) internal {
        balance[token][account] += amount;
        balanceSum[token] += amount;
    }

    /// An account's own money leaves the escrow.
    function _leave(uint256 token, address account, uint256 amount) internal {
        balance[token][account] -= amount;
        balanceSum[token] -= amount;
    }

    function _bond(address provider, uint256 amount) internal {
        bonded[provider] += amount;
        stakeSum += amount;
    }

    /// Bonded stake first, then what leaves last.
    function _slash(address provider, uint256 amount) internal returns (uint256 taken) {
        taken = amount < bonded[provider] ? amount : bonded[provider];
        bonded[provider] -= taken;
        Leaving[] storage queue = _leaving[provider];
        while (taken < amount && queue.length > 0) {
            Leaving storage last = queue[queue.length - 1];
            uint256 part = amount - taken < last.amount ? amount - taken : last.amount;
            taken += part;
            last.amount -= part;
            if (last.amount == 0) queue.pop();
        }
        stakeSum -= taken;
        owned[STAKE][provider] -= taken;
    }

    function _earnIntoPot(JobTerms memory terms) internal {
        IInferenceMarket.EarningsKey memory key = IInferenceMarket.EarningsKey(
            terms.provider,
            terms.modelId,
            terms.token,
            terms.protocolFeeBps
        );
        bytes32 keyHash = keccak256(abi.encode(key));
        if (_potIndex[keyHash] == 0) {
            _pots.push(Pot(key, 0, 0));
            _potIndex[keyHash] = _pots.length;
        }
        Pot storage pot = _pots[_potIndex[keyHash] - 1];
        pot.amount += terms.price;
        pot.stake += terms.stake;
        pricesEarned[_indexOf(terms.token)] += terms.price;
    }

    function _refund(JobTerms memory terms) internal {
        uint256 token = _indexOf(terms.token);
        held[token] -= terms.price;
        pricesRefunded[token] += terms.price;
        _gain(token, terms.client, terms.price);
    }
}
