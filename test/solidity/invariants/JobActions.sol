// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IInferenceMarket} from "../../../contracts/interfaces/IInferenceMarket.sol";
import {JobStatus, JobTerms} from "../../../contracts/types/JobTypes.sol";
import {StakeActions} from "./StakeActions.sol";

/// Jobs from request to settlement, and the pots they fill.
abstract contract JobActions is StakeActions {
    function request(uint256 seed) external acts(seed) {
        _requestAny();
    }

    function submit(uint256 seed) external acts(seed) {
        _submitAny();
    }

    function submitAndFinaliseDue(uint256 seed) external acts(seed) {
        uint256 id = _jobThatIs(JobStatus.Requested);
        if (id == 0) return;
        address who = _mostly(_workerOf(id));
        bytes32 output = keccak256(abi.encode("output", id));
        (uint256[] memory ids, JobTerms[] memory due) = _someDeliveries();
        bytes memory data = abi.encodeCall(market.submitAndFinaliseDue, (_jobs[id].terms, output, "", due));
        if (!_call("market.submitAndFinaliseDue", who, address(market), data, _maySubmit(id, who))) return;

        _submitted(id, output);
        _finaliseThose(ids);
    }

    function decline(uint256 seed) external acts(seed) {
        uint256 id = _jobThatIs(JobStatus.Requested);
        if (id == 0) return;
        address who = _mostly(_workerOf(id));
        bytes memory data = abi.encodeCall(market.decline, (_jobs[id].terms));
        if (_call("market.decline", who, address(market), data, _maySubmit(id, who))) _refunded(id);
    }

    function expire(uint256 seed) external acts(seed) {
        uint256 id = _jobThatIs(JobStatus.Expired);
        if (id == 0) return;
        _expire(id);
    }

    function finalise(uint256 seed) external acts(seed) {
        uint256 id = _jobThatIs(JobStatus.Finalisable);
        if (id == 0) return;
        _finalise(id);
    }

    function finaliseDue(uint256 seed) external acts(seed) {
        (uint256[] memory ids, JobTerms[] memory due) = _someDeliveries();
        bytes memory data = abi.encodeCall(market.finaliseDue, (due));
        _call("market.finaliseDue", _passerBy(), address(market), data, true);
        uint256 reported = _lastResult;
        if (_finaliseThose(ids) != reported) ++forbiddenTransitions;
    }

    function collect(uint256 seed) external acts(seed) {
        if (_pots.length == 0) return;
        uint256 index = _roll(_pots.length);
        for (uint256 i = 0; i < _pots.length && _isEmpty(_pots[index]); ++i) index = (index + 1) % _pots.length;
        _collect(index);
    }

    function _requestAny() internal {
        (IInferenceMarket.JobRequest memory job, Offer memory offer, uint256 token) = _randomRequest();
        address client = _oneIn(8) ? _anybody() : _pick(_clients);
        bool expected =
            _isAcceptable(job, offer) && balance[token][client] >= offer.price && free(job.provider) >= offer.stake;
        JobTerms memory terms = _termsNow(
            _holds[token][client] + 1,
            client,
            job,
            _workers[job.provider].operator,
            offer.price,
            offer.stake,
            offer.maxDuration
        );
        (terms.challengeWindow, terms.protocolFeeBps) = (_params.window, _params.feeBps);
        _lowers(client);
        if (!_call("market.request", client, address(market), abi.encodeCall(market.request, (job)), expected)) return;

        uint256 id = _idOf(terms);
        if (_lastResult != id) ++unexpectedIds;
        if (_numberOf[id] != 0) ++unexpectedIds;
        _numberOf[id] = _jobs.length;
        Job storage opened = _jobs.push();
        (opened.id, opened.terms) = (id, terms);
        (opened.stage, opened.phaseEnd) = (Stage.Requested, terms.executionDeadline);
        ++_holds[token][client];
        locked[terms.provider] += terms.stake;
        _lose(token, client, terms.price);
        held[token] += terms.price;
        pricesPaidIn[token] += terms.price;
    }

    function _submitAny() internal {
        uint256 id = _jobThatIs(JobStatus.Requested);
        if (id == 0) return;
        address who = _mostly(_workerOf(id));
        bytes32 output = _oneIn(12) ? bytes32(0) : keccak256(abi.encode("output", id));
        bytes memory data = abi.encodeCall(market.submit, (_jobs[id].terms, output, "ipfs://output"));
        bool expected = _maySubmit(id, who) && output != 0;
        if (_call("market.submit", who, address(market), data, expected)) _submitted(id, output);
    }

    function _expire(uint256 id) internal {
        bytes memory data = abi.encodeCall(market.expire, (_jobs[id].terms));
        bool expected = statusOf(id) == JobStatus.Expired;
        if (_call("market.expire", _passerBy(), address(market), data, expected)) _refunded(id);
    }

    function _finalise(uint256 id) internal {
        bytes memory data = abi.encodeCall(market.finalise, (_jobs[id].terms));
        bool expected = statusOf(id) == JobStatus.Finalisable;
        if (_call("market.finalise", _passerBy(), address(market), data, expected)) _paid(id);
    }

    /// Fee and royalty are rounded up, by less than one wei each, and the provider has the rest to the wei.
    function _collect(uint256 index) internal {
        Pot storage pot = _pots[index];
        uint256 before = _sumOfBalances(pot.key.token);
        bytes memory data = abi.encodeCall(market.collect, (pot.key));
        if (!_call("market.collect", _passerBy(), address(market), data, !_isEmpty(pot))) return;

        if (_sumOfBalances(pot.key.token) - before != pot.amount) ++wrongSplits;
        uint256 token = _indexOf(pot.key.token);
        uint256 fee = (pot.amount * pot.key.protocolFeeBps + 9_999) / 10_000;
        uint256 royalty = (pot.amount * _models[pot.key.modelId].royaltyBps + 9_999) / 10_000;
        if (royalty > pot.amount - fee) royalty = pot.amount - fee;
        _gain(token, _workers[pot.key.provider].payout, pot.amount - fee - royalty);
        _gain(token, _models[pot.key.modelId].owner, royalty);
        _gain(token, _params.treasury, fee);
        held[token] -= pot.amount;
        locked[pot.key.provider] -= pot.stake;
        (pot.amount, pot.stake) = (0, 0);
    }

    function _sumOfBalances(address token) private view returns (uint256 sum) {
        for (uint256 i = 0; i < people.length; ++i) sum += escrow.balanceOf(token, people[i]);
    }

    function _randomRequest()
        private
        returns (IInferenceMarket.JobRequest memory job, Offer memory offer, uint256 token)
    {
        address provider = _pick(_provs);
        uint256 modelId = 1 + _roll(_models.length - 1);
        token = _oneIn(4) ? STAKE : PAY;
        if (_offers[provider][modelId][token].maxDuration == 0) (modelId, token) = (1, PAY);
        offer = _offers[provider][modelId][token];
        job = _requestOf(provider, modelId, _tokenOf(token));
        if (_oneIn(12)) job.maxPrice = uint128(_roll(5e18));
        if (_oneIn(12)) job.minStake = uint128(_roll(40e18));
        if (_oneIn(12)) job.deliverBy = uint48(block.timestamp + _roll(4 hours));
    }

    function _isAcceptable(IInferenceMarket.JobRequest memory job, Offer memory offer) private view returns (bool) {
        if (_params.paused || _models[job.modelId].deprecated) return false;
        if (offer.maxDuration == 0 || _workers[job.provider].draining) return false;
        bool safe = offer.stake >= job.minStake && offer.stake >= _params.minStake;
        return safe && offer.price <= job.maxPrice && block.timestamp + offer.maxDuration <= job.deliverBy;
    }

    /// A job in this state if there is one; sometimes, or if there is none, any job.
    function _jobThatIs(JobStatus wanted) internal returns (uint256 id) {
        if (jobCount() == 0) return 0;
        id = 1 + _roll(jobCount());
        if (_oneIn(10)) return id;
        for (uint256 i = 0; i < jobCount() && statusOf(id) != wanted; ++i) id = 1 + (id % jobCount());
    }

    function _workerOf(uint256 id) private returns (address) {
        return _oneIn(4) ? _jobs[id].terms.provider : _jobs[id].terms.operator;
    }

    /// Whoever may submit may also decline.
    function _maySubmit(uint256 id, address who) private view returns (bool) {
        JobTerms storage terms = _jobs[id].terms;
        return statusOf(id) == JobStatus.Requested && (who == terms.provider || who == terms.operator);
    }

    function _submitted(uint256 id, bytes32 output) private {
        Job storage job = _jobs[id];
        (job.stage, job.output) = (Stage.Submitted, output);
        job.phaseEnd = block.timestamp + job.terms.challengeWindow;
    }

    function _refunded(uint256 id) private {
        Job storage job = _jobs[id];
        job.stage = Stage.Refunded;
        locked[job.terms.provider] -= job.terms.stake;
        _refund(job.terms);
        _exited();
    }

    function _paid(uint256 id) internal {
        _jobs[id].stage = Stage.Paid;
        _earnIntoPot(_jobs[id].terms);
        _exited();
    }

    /// Up to three delivered jobs, due or not, and perhaps one twice.
    function _someDeliveries() private returns (uint256[] memory ids, JobTerms[] memory due) {
        ids = new uint256[](jobCount() == 0 ? 0 : _roll(4));
        due = new JobTerms[](ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            ids[i] = _jobThatIs(JobStatus.Finalisable);
            due[i] = _jobs[ids[i]].terms;
        }
    }

    function _finaliseThose(uint256[] memory ids) private returns (uint256 paid) {
        for (uint256 i = 0; i < ids.length; ++i) {
            if (statusOf(ids[i]) != JobStatus.Finalisable) continue;
            _paid(ids[i]);
            ++paid;
        }
    }

    function _isEmpty(Pot storage pot) internal view returns (bool) {
        return pot.amount == 0 && pot.stake == 0;
    }
}
