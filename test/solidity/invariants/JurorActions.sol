// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {JobActions} from "./JobActions.sol";

/// Jurors that come and go, and their deposits.
abstract contract JurorActions is JobActions {
    function enrol(uint256 seed) external acts(seed) {
        _enrolAny();
    }

    function leave(uint256 seed) external acts(seed) {
        // Most stay, so that juries can be drawn.
        if (_oneIn(3)) _leaveAny();
    }

    function _enrolAny() internal {
        (uint256 modelId, address juror, address who) = _jurorAndCaller(false);
        uint256 missing = (SILENT_SEATS - _locks[modelId][juror]) * JUROR_LOCK;
        bool able = _offerCount(juror, modelId) > 0 && free(juror) >= missing && !_enrolled[modelId][juror];
        bytes memory data = abi.encodeCall(jury.enrol, (modelId, juror));
        if (_call("jury.enrol", who, address(jury), data, able && _isJurorKey(juror, who))) {
            if (openSeatsOf(modelId, juror) > 0) _note("enrol.seated");
            _enrolled[modelId][juror] = true;
            _locks[modelId][juror] = SILENT_SEATS;
            locked[juror] += missing;
        }
    }

    function _leaveAny() internal {
        (uint256 modelId, address juror, address who) = _jurorAndCaller(true);
        bool expected = _enrolled[modelId][juror] && _isJurorKey(juror, who);
        bytes memory data = abi.encodeCall(jury.leave, (modelId, juror));
        if (!_call("jury.leave", who, address(jury), data, expected)) return;

        _enrolled[modelId][juror] = false;
        if (openSeatsOf(modelId, juror) > 0) _note("leave.seated");
        else _freeDeposit(modelId, juror);
    }

    function _freeDeposit(uint256 modelId, address juror) internal {
        locked[juror] -= _locks[modelId][juror] * JUROR_LOCK;
        _locks[modelId][juror] = 0;
    }

    function _isJurorKey(address juror, address who) internal view returns (bool) {
        return who == juror || who == _workers[juror].operator;
    }

    function _offerCount(address provider, uint256 modelId) internal view returns (uint256 count) {
        if (_isCounted(_offers[provider][modelId][STAKE])) ++count;
        if (_isCounted(_offers[provider][modelId][PAY])) ++count;
    }

    /// Somebody who is (or is not) in the pool of a model, if there is one.
    function _jurorAndCaller(bool enrolled) private returns (uint256 modelId, address juror, address who) {
        modelId = _oneIn(2) ? 1 : 1 + _roll(_models.length - 1);
        juror = _pick(_provs);
        for (uint256 i = 0; i < _provs.length && _enrolled[modelId][juror] != enrolled; ++i) juror = _provs[i];
        who = _mostly(_oneIn(2) ? juror : _workers[juror].operator);
    }
}
