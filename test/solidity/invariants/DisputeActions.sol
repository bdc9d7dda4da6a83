// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJuryArbiter} from "../../../contracts/interfaces/IJuryArbiter.sol";
import {Ruling} from "../../../contracts/types/DisputeTypes.sol";
import {JobStatus, JobTerms} from "../../../contracts/types/JobTypes.sol";
import {MAX_RESOLUTION} from "../../../contracts/types/Limits.sol";
import {JurorActions} from "./JurorActions.sol";

/// Challenges, juries and what follows from their verdicts.
abstract contract DisputeActions is JurorActions {
    /// Seats given to somebody outside the pool, without a deposit or that left, or given twice.
    uint256 public strangeJurors;
    /// Seats left empty although nobody that could be drawn had left or lost its deposit.
    uint256 public missingJurors;

    function challenge(uint256 seed) external acts(seed) {
        _challengeAny();
    }

    function draw(uint256 seed) external acts(seed) {
        uint256 id = _caseIn(IJuryArbiter.Phase.Draw);
        if (id != 0) _draw(id);
    }

    /// More cases at once than a deposit pays for; jurors answer some and are silent in the others, and come and go.
    function flood(uint256 seed) external acts(seed) {
        uint256 first = _cases.length;
        for (uint256 i = 0; i < 2 * SILENT_SEATS; ++i) {
            _requestAny();
            _observe();
            _submitAny();
            _observe();
            _challengeAny();
            _observe();
        }
        if (_oneIn(2)) _leaveAny();
        _pass(36, 3);
        for (uint256 id = first; id < _cases.length; ++id) _draw(id);
        _leaveAny();
        if (_oneIn(2)) _enrolAny();
        for (uint256 id = first; id < _cases.length; ++id) {
            for (uint256 i = _oneIn(3) ? 0 : JURY_SIZE; i < _cases[id].jurors.length; ++i) _commitNext(id);
        }
        _pass(JURY_PERIOD + 1, 1);
        for (uint256 id = first; id < _cases.length; ++id) {
            for (uint256 i = 0; i < _cases[id].committed; ++i) _revealNext(id);
        }
        _pass(JURY_PERIOD + 1, 1);
        for (uint256 id = first; id < _cases.length; ++id) _close(id);
        for (uint256 i = 0; i < JURY_SIZE; ++i) _enrolAny();
    }

    function requestSeedAgain(uint256 seed) external acts(seed) {
        uint256 id = _caseIn(IJuryArbiter.Phase.Draw);
        if (id == 0) return;
        // Nobody draws for so long that the chain forgets the seed, which short runs seldom come to.
        if (_oneIn(2)) _pass(1, 260);
        Case storage c = _cases[id];
        bool missed = block.number > c.seedBlock && block.number - c.seedBlock > 256;
        bytes memory data = abi.encodeCall(jury.requestSeedAgain, (id));
        bool expected = phaseOf(id) == IJuryArbiter.Phase.Draw && missed;
        if (!_call("jury.requestSeedAgain", _passerBy(), address(jury), data, expected)) return;

        c.round += 1;
        c.seedBlock = block.number + 2;
    }

    /// One juror after the other, until one is not minded to.
    function commitVote(uint256 seed) external acts(seed) {
        uint256 id = _caseIn(IJuryArbiter.Phase.Commit);
        if (id == 0) return;
        do _commitNext(id); while (!_oneIn(5) && phaseOf(id) == IJuryArbiter.Phase.Commit);
    }

    function revealVote(uint256 seed) external acts(seed) {
        uint256 id = _caseIn(IJuryArbiter.Phase.Reveal);
        if (id == 0) return;
        do _revealNext(id); while (!_oneIn(5) && phaseOf(id) == IJuryArbiter.Phase.Reveal);
    }

    function close(uint256 seed) external acts(seed) {
        uint256 id = _caseIn(IJuryArbiter.Phase.Count);
        if (id != 0) _close(id);
    }

    function resolve(uint256 seed) external acts(seed) {
        uint256 id = _caseToResolve();
        if (id != 0) _resolve(id);
    }

    /// A key of the job's provider, or somebody else's, signs another result or the delivered one.
    function proveEquivocation(uint256 seed) external acts(seed) {
        uint256 number = _jobThatIs(_oneIn(2) ? JobStatus.Submitted : JobStatus.Disputed);
        if (number == 0) return;
        JobTerms memory terms = _jobs[number].terms;
        bytes32 delivered = _oneIn(8) ? keccak256("never delivered") : _jobs[number].output;
        bytes32 signed = _oneIn(8) ? _jobs[number].output : keccak256("signed elsewhere");
        address signer = _mostly(_oneIn(2) ? terms.provider : terms.operator);
        address who = _passerBy();
        bytes memory data = abi.encodeCall(
            disputes.proveEquivocation,
            (terms, delivered, signed, _signature(signer, disputes.resultDigest(_jobs[number].id, signed)))
        );
        bool able = signed != delivered && (signer == terms.provider || signer == terms.operator);
        JobStatus status = statusOf(number);
        bool open = status == JobStatus.Submitted || status == JobStatus.Disputed;
        bool expected = able && open && delivered == _jobs[number].output && delivered != 0 && !_isUpheld(number);
        _jobAtHand = expected ? _jobs[number].id : 0;
        _lowers(terms.provider);
        if (!_call("disputes.proveEquivocation", who, address(disputes), data, expected)) return;

        if (status == JobStatus.Submitted) _recordCase(number, who, 0);
        else _note("equivocation.whileDisputed");
        if (_lastResult != _caseAbout(number)) ++idsOutOfOrder;
        Case storage c = _cases[_lastResult];
        c.ruling = Ruling.Upheld;
        held[STAKE] -= c.bond;
        _uphold(c, terms, c.challenger);
    }

    function payJurors(uint256 seed) external acts(seed) {
        uint256 id = _caseToPay();
        if (id != 0) _payJurors(id);
    }

    function _challengeAny() private {
        uint256 id = _jobThatIs(JobStatus.Submitted);
        if (id == 0) return;
        address who = _oneIn(4) ? _anybody() : _pick(_challengers);
        bytes32 output = _oneIn(12) ? keccak256("another") : _jobs[id].output;
        (address[] memory pool, uint128[] memory weights) = _eligible(id, who);
        bool expected =
            statusOf(id) == JobStatus.Submitted &&
                output == _jobs[id].output &&
                balance[STAKE][who] >= BOND &&
                pool.length >= JURY_SIZE;
        bytes memory data = abi.encodeCall(disputes.challenge, (_jobs[id].terms, output));
        _lowers(who);
        if (!_call("disputes.challenge", who, address(disputes), data, expected)) return;

        if (_lastResult != _cases.length) ++idsOutOfOrder;
        ++_holds[STAKE][who];
        _jobs[id].stage = Stage.Disputed;
        _lose(STAKE, who, BOND);
        held[STAKE] += BOND;
        bondsPosted += BOND;
        _openCase(id, who, pool, weights);
    }

    function _draw(uint256 id) private {
        Case storage c = _cases[id];
        bool ready = block.number > c.seedBlock && block.number - c.seedBlock <= 256;
        bool expected = phaseOf(id) == IJuryArbiter.Phase.Draw && ready;
        bytes memory data = abi.encodeCall(jury.draw, (id, c.pool, c.weights));
        if (!_call("jury.draw", _passerBy(), address(jury), data, expected)) return;

        c.commitEnd = block.timestamp + JURY_PERIOD;
        _seatJurors(id);
    }

    function _commitNext(uint256 id) private {
        address juror = _seatThat(id, false);
        address who = _mostly(_oneIn(2) ? juror : _workers[juror].operator);
        (bytes32 found, bytes32 salt) = (_finding(id), bytes32(_roll(type(uint256).max)));
        Seat storage seat = _seats[id][juror];
        bool able = _isJurorKey(juror, who) && seat.weight > 0 && !seat.committed;
        bytes memory data = abi.encodeCall(jury.commitVote, (id, juror, _commitment(id, juror, found, salt)));
        bool expected = phaseOf(id) == IJuryArbiter.Phase.Commit && able;
        if (!_call("jury.commitVote", who, address(jury), data, expected)) return;

        (seat.committed, seat.found, seat.salt) = (true, found, salt);
        _cases[id].committed += 1;
    }

    function _revealNext(uint256 id) private {
        address juror = _seatThat(id, true);
        address who = _mostly(_oneIn(2) ? juror : _workers[juror].operator);
        Seat storage seat = _seats[id][juror];
        bytes32 found = _oneIn(12) ? keccak256("changed my mind") : seat.found;
        bool able = _isJurorKey(juror, who) && seat.committed && !seat.revealed && found == seat.found;
        bytes memory data = abi.encodeCall(jury.revealVote, (id, juror, found, seat.salt));
        bool expected = phaseOf(id) == IJuryArbiter.Phase.Reveal && able;
        if (!_call("jury.revealVote", who, address(jury), data, expected)) return;

        seat.revealed = true;
        _cases[id].revealed += 1;
    }

    function _close(uint256 id) internal {
        Case storage c = _cases[id];
        for (uint256 i = 0; i < c.jurors.length; ++i) _lowers(c.jurors[i]);
        bool expected = phaseOf(id) == IJuryArbiter.Phase.Count;
        if (!_call("jury.close", _passerBy(), address(jury), abi.encodeCall(jury.close, (id)), expected)) return;

        c.closed = true;
        uint256 penalties = 0;
        for (uint256 i = 0; i < c.jurors.length; ++i) {
            penalties += _endSeat(id, c.jurors[i]);
        }
        // A case that two signed results ended has its pay already.
        c.reward += penalties;
        _gain(STAKE, address(jury), penalties);
    }

    function _resolve(uint256 id) internal {
        Case storage c = _cases[id];
        JobTerms memory terms = _jobs[c.jobId].terms;
        bool late = block.timestamp > c.openedAt + MAX_RESOLUTION;
        bool expected = c.ruling == Ruling.None && (c.closed || late);
        bytes memory data = abi.encodeCall(disputes.resolve, (id, terms));
        _jobAtHand = expected ? _jobs[c.jobId].id : 0;
        _lowers(terms.provider);
        if (!_call("disputes.resolve", _passerBy(), address(disputes), data, expected)) return;

        _exited();
        c.ruling = c.closed ? verdictOf(id) : Ruling.Inconclusive;
        held[STAKE] -= c.bond;
        _note(_rulingName(c));
        if (c.ruling == Ruling.Upheld) return _uphold(c, terms, c.challenger);
        _jobs[c.jobId].stage = Stage.Paid;
        _earnIntoPot(terms);
        if (c.ruling == Ruling.Inconclusive) return _returnBond(c);
        bondsForfeited += c.bond;
        uint256 toJury = _juryPay(c.slashCap, c.bond);
        _gain(STAKE, terms.provider, c.bond - toJury);
        _gain(STAKE, address(jury), toJury);
        c.reward += toJury;
    }

    function _payJurors(uint256 id) internal {
        Case storage c = _cases[id];
        bool expected = c.closed && c.ruling != Ruling.None && !c.paid;
        bytes memory data = abi.encodeCall(jury.payJurors, (id));
        if (!_call("jury.payJurors", _passerBy(), address(jury), data, expected)) return;

        c.paid = true;
        _lose(STAKE, address(jury), c.reward);
        address[] memory earners = _earners(id);
        if (earners.length == 0) return _gain(STAKE, _params.treasury, c.reward);
        if (c.reward > 0) _note("jurors.paid");
        for (uint256 i = 0; i < earners.length; ++i) _gain(STAKE, earners[i], c.reward / earners.length);
        _gain(STAKE, earners[0], c.reward % earners.length);
    }

    function _rulingName(Case storage c) private view returns (string memory) {
        if (c.ruling == Ruling.Upheld) return "ruling.upheld";
        if (c.ruling == Ruling.Rejected) return "ruling.rejected";
        return c.closed ? "ruling.inconclusive" : "ruling.silent";
    }

    /// The same for both verdicts: 20 % of the slash, but no more than half of the bond.
    function _juryPay(uint256 slash, uint256 bond) private pure returns (uint256) {
        return slash / 5 < bond / 2 ? slash / 5 : bond / 2;
    }

    /// Price back to the client, 40 % of the slash to the finder, the jury's pay, the rest to the treasury.
    function _uphold(Case storage c, JobTerms memory terms, address finder) private {
        _jobs[c.jobId].stage = Stage.Refunded;
        _refund(terms);
        _returnBond(c);
        _note("slash.provider");
        _checkSlash(terms.provider, c.slashCap);
        locked[terms.provider] -= terms.stake;
        uint256 slashed = _slash(terms.provider, c.slashCap);
        (uint256 toFinder, uint256 toJury) = ((slashed * 40) / 100, _juryPay(slashed, c.bond));
        _gain(STAKE, finder, toFinder);
        _gain(STAKE, address(jury), toJury);
        _gain(STAKE, _params.treasury, slashed - toFinder - toJury);
        c.reward += toJury;
    }

    function _returnBond(Case storage c) private {
        bondsReturned += c.bond;
        _gain(STAKE, c.challenger, c.bond);
    }

    /// Compares what a slash took, before the books know of it, with what there was and what might be taken.
    function _checkSlash(address provider, uint256 cap) private {
        uint256 before = slashable(provider);
        uint256 taken = before - staking.slashableOf(provider);
        if (taken > before || taken > cap) ++slashesAboveStake;
    }

    function _openCase(uint256 jobId, address who, address[] memory pool, uint128[] memory weights) private {
        Case storage c = _recordCase(jobId, who, BOND);
        (c.heard, c.pool, c.weights, c.seedBlock) = (true, pool, weights, block.number + 2);
    }

    function _recordCase(uint256 jobId, address who, uint256 bond) private returns (Case storage c) {
        JobTerms storage terms = _jobs[jobId].terms;
        _cases.push();
        c = _cases[_cases.length - 1];
        (c.jobId, c.challenger, c.openedAt, c.bond) = (jobId, who, block.timestamp, bond);
        uint256 behind = slashable(terms.provider);
        c.slashCap = behind < terms.stake ? behind : terms.stake;
    }

    /// Whether the jury of the case about a job says that its result is wrong.
    function _isUpheld(uint256 number) private view returns (bool) {
        uint256 id = _caseAbout(number);
        return id != 0 && _cases[id].closed && verdictOf(id) == Ruling.Upheld;
    }

    /// The case about a job; zero if there is none.
    function _caseAbout(uint256 number) private view returns (uint256 id) {
        for (id = _cases.length - 1; id > 0; --id) {
            if (_cases[id].jobId == number) return id;
        }
    }

    /// Who sits is chance, and so read from the jury; that each is in the pool, once, is checked, and that no seat is
    /// empty but for who is gone.
    function _seatJurors(uint256 id) private {
        Case storage c = _cases[id];
        mapping(address juror => bool) storage enrolled = _enrolled[_jobs[c.jobId].terms.modelId];
        uint256 gone = 0;
        for (uint256 i = 0; i < c.pool.length; ++i) {
            if (!enrolled[c.pool[i]]) ++gone;
        }
        address[] memory jurors = jury.juryCaseOf(id).jurors;
        if (jurors.length + gone < JURY_SIZE) ++missingJurors;
        if (jurors.length < JURY_SIZE) _note("draw.emptySeat");
        for (uint256 i = 0; i < jurors.length; ++i) {
            uint256 weight = _weightIn(c, jurors[i]);
            if (!enrolled[jurors[i]] || weight == 0 || _seats[id][jurors[i]].weight != 0) ++strangeJurors;
            _seats[id][jurors[i]].weight = weight;
            c.jurors.push(jurors[i]);
        }
    }

    /// Silence costs a lock, as long as there is one; the last one costs the place in the pool. Nothing else does.
    function _endSeat(uint256 id, address juror) private returns (uint256 penalty) {
        uint256 modelId = _jobs[_cases[id].jobId].terms.modelId;
        bool silent = !_seats[id][juror].revealed;
        if (silent && _locks[modelId][juror] == 0) _note("silence.beyondDeposit");
        if (silent && _locks[modelId][juror] > 0) {
            --_locks[modelId][juror];
            locked[juror] -= JUROR_LOCK;
            _note("slash.juror");
            _checkSlash(juror, JUROR_LOCK);
            penalty = _slash(juror, JUROR_LOCK);
        }
        if (_enrolled[modelId][juror] && _locks[modelId][juror] == 0) {
            _enrolled[modelId][juror] = false;
            _note("juror.putOut");
        }
        if (_enrolled[modelId][juror] || openSeatsOf(modelId, juror) > 0 || _locks[modelId][juror] == 0) return penalty;
        _note("deposit.freedByClose");
        _freeDeposit(modelId, juror);
    }

    function _weightIn(Case storage c, address juror) private view returns (uint256) {
        for (uint256 i = 0; i < c.pool.length; ++i) {
            if (c.pool[i] == juror) return c.weights[i];
        }
        return 0;
    }

    /// Members of the pool that may judge, in the pool's order, which is the jury's own business.
    function _eligible(
        uint256 jobId,
        address challenger
    ) private view returns (address[] memory members, uint128[] memory weights) {
        JobTerms storage terms = _jobs[jobId].terms;
        address[] memory pool = jury.poolOf(terms.modelId);
        (members, weights) = (new address[](pool.length), new uint128[](pool.length));
        uint256 count = 0;
        for (uint256 i = 0; i < pool.length; ++i) {
            bool able =
                _enrolled[terms.modelId][pool[i]] && bonded[pool[i]] > 0 && _offerCount(pool[i], terms.modelId) > 0;
            if (!able || _isParty(pool[i], terms, challenger)) continue;
            (members[count], weights[count]) = (pool[i], uint128(bonded[pool[i]]));
            ++count;
        }
        assembly ("memory-safe") {
            mstore(members, count)
            mstore(weights, count)
        }
    }

    function _isParty(address member, JobTerms storage terms, address challenger) private view returns (bool) {
        address operator = _workers[member].operator;
        if (member == terms.provider || operator == terms.provider) return true;
        if (member == terms.client || operator == terms.client) return true;
        return member == challenger || operator == challenger;
    }

    /// Those who voted as the jury decided; all who voted if it did not.
    function _earners(uint256 id) private view returns (address[] memory earners) {
        Case storage c = _cases[id];
        Ruling verdict = verdictOf(id);
        earners = new address[](c.jurors.length);
        uint256 count = 0;
        for (uint256 i = 0; i < c.jurors.length; ++i) {
            Seat storage seat = _seats[id][c.jurors[i]];
            if (!seat.revealed || seat.found == 0) continue;
            bool agrees = seat.found == _jobs[c.jobId].output;
            if (verdict == Ruling.Inconclusive || agrees == (verdict == Ruling.Rejected)) {
                earners[count++] = c.jurors[i];
            }
        }
        assembly ("memory-safe") {
            mstore(earners, count)
        }
    }

    /// Mostly what the provider found or, as often, one other output; sometimes nothing.
    function _finding(uint256 caseId) private returns (bytes32) {
        uint256 outcome = _roll(9);
        if (outcome == 0) return 0;
        // A case's jurors lean one way, so that verdicts of both kinds come about.
        bool agrees = (outcome < 3) == (caseId % 2 == 0);
        return agrees ? _jobs[_cases[caseId].jobId].output : keccak256("what the jurors found");
    }

    function _commitment(uint256 id, address juror, bytes32 found, bytes32 salt) private view returns (bytes32) {
        bytes32 tag = keccak256("assay.jury.vote.v1");
        return keccak256(abi.encode(tag, block.chainid, address(jury), id, _cases[id].round, juror, found, salt));
    }

    /// A case in this phase if there is one; sometimes, or if there is none, any case.
    function _caseIn(IJuryArbiter.Phase wanted) private returns (uint256 id) {
        if (caseCount() == 0) return 0;
        id = 1 + _roll(caseCount());
        if (_oneIn(10)) return id;
        for (uint256 i = 0; i < caseCount() && phaseOf(id) != wanted; ++i) id = 1 + (id % caseCount());
    }

    function _caseToResolve() private returns (uint256 id) {
        id = _caseIn(IJuryArbiter.Phase.Closed);
        if (_oneIn(10)) return id;
        for (uint256 i = 0; i < caseCount(); ++i) {
            bool ripe = _cases[id].closed || block.timestamp > _cases[id].openedAt + MAX_RESOLUTION;
            if (_cases[id].ruling == Ruling.None && ripe) return id;
            id = 1 + (id % caseCount());
        }
    }

    function _caseToPay() private returns (uint256 id) {
        id = _caseIn(IJuryArbiter.Phase.Closed);
        if (_oneIn(10)) return id;
        for (uint256 i = 0; i < caseCount(); ++i) {
            if (_cases[id].closed && _cases[id].ruling != Ruling.None && !_cases[id].paid) return id;
            id = 1 + (id % caseCount());
        }
    }

    /// A juror of the case who has not committed (or, having committed, not revealed) yet, if there is one.
    function _seatThat(uint256 caseId, bool committed) private returns (address juror) {
        address[] storage jurors = _cases[caseId].jurors;
        if (jurors.length == 0) return _pick(_provs);
        uint256 start = _roll(jurors.length);
        for (uint256 i = 0; i < jurors.length; ++i) {
            juror = jurors[(start + i) % jurors.length];
            Seat storage seat = _seats[caseId][juror];
            if (seat.committed == committed && !seat.revealed) return juror;
        }
    }
}
