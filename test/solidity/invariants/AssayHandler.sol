// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ProbeToken} from "../support/ProbeToken.sol";
import {Drain} from "./Drain.sol";
import {RegistryActions} from "./RegistryActions.sol";

/// The system, its actors and their actions: what the campaign calls at random.
contract AssayHandler is RegistryActions, Drain {
    bytes4[] private _actions;

    constructor() {
        _castPeople();
        tokens = [new ProbeToken("Stake", "STAKE"), new ProbeToken("Pay", "PAY")];
        _deployAssay(tokens[STAKE], tokens[PAY]);
        _params = Parameters(false, FEE_BPS, WINDOW, MIN_JOB_STAKE, TREASURY);
        (_capOf[STAKE], _capOf[PAY]) = (type(uint128).max, type(uint128).max);
        _jobs.push();
        _cases.push();
        _models.push();
        _openForBusiness();
        _listActions();
        tokens[STAKE].setProbe(this);
        tokens[PAY].setProbe(this);
    }

    /// What the campaign calls; one that is listed more often is called more often.
    function actions() external view returns (bytes4[] memory) {
        return _actions;
    }

    /// A model, five of the six providers with stake, offers and deposits in its pool, and money for those who pay.
    function _openForBusiness() private {
        _models.push(Model(_owners[0], ROYALTY_BPS, false));
        _registerModel(_owners[0], ROYALTY_BPS);
        for (uint256 i = 0; i < 5; ++i) _openProvider(_provs[i], _operators[i]);
        for (uint256 i = 0; i < _clients.length; ++i) _openAccount(PAY, _clients[i], 60e18);
        for (uint256 i = 0; i < _challengers.length; ++i) _openAccount(STAKE, _challengers[i], 60e18);
    }

    function _openProvider(address provider, address operator) private {
        _registerProvider(provider, operator);
        _workers[provider] = Worker(true, false, operator, provider);
        _stake(provider, 100e18);
        owned[STAKE][provider] += 100e18;
        _bond(provider, 100e18);
        _offer(provider, 1, 2e18, 10e18, 1 hours);
        _offers[provider][1][PAY] = Offer(2e18, 10e18, 1 hours);
        vm.prank(provider);
        jury.enrol(1, provider);
        _enrolled[1][provider] = true;
        _locks[1][provider] = SILENT_SEATS;
        locked[provider] += SILENT_SEATS * JUROR_LOCK;
    }

    function _openAccount(uint256 token, address account, uint128 amount) private {
        _prepay(tokens[token], account, amount);
        owned[token][account] += amount;
        _enter(token, account, amount);
    }

    function _listActions() private {
        _list(this.registerModel.selector, 1);
        _list(this.deprecateModel.selector, 1);
        _list(this.setUris.selector, 1);
        _list(this.transferModel.selector, 1);
        _list(this.registerProvider.selector, 1);
        _list(this.setOperator.selector, 1);
        _list(this.setPayout.selector, 1);
        _list(this.setEndpoint.selector, 1);
        _list(this.setDraining.selector, 1);
        _list(this.setOffer.selector, 2);
        _list(this.removeOffer.selector, 1);
        _list(this.closeOffer.selector, 1);
        _list(this.deposit.selector, 2);
        _list(this.depositWithPermit.selector, 1);
        _list(this.withdraw.selector, 2);
        _list(this.transfer.selector, 2);
        _list(this.allowSweep.selector, 2);
        _list(this.sweep.selector, 2);
        _list(this.freeze.selector, 1);
        _list(this.depositStake.selector, 1);
        _list(this.depositStakeWithPermit.selector, 1);
        _list(this.requestUnbonding.selector, 2);
        _list(this.withdrawStake.selector, 2);
        _list(this.abscond.selector, 1);
        _list(this.request.selector, 12);
        _list(this.submit.selector, 10);
        _list(this.submitAndFinaliseDue.selector, 2);
        _list(this.decline.selector, 1);
        _list(this.expire.selector, 2);
        _list(this.finalise.selector, 2);
        _list(this.finaliseDue.selector, 2);
        _list(this.collect.selector, 4);
        _list(this.enrol.selector, 3);
        _list(this.leave.selector, 2);
        _list(this.challenge.selector, 8);
        _list(this.draw.selector, 8);
        _list(this.flood.selector, 1);
        _list(this.requestSeedAgain.selector, 2);
        _list(this.commitVote.selector, 10);
        _list(this.revealVote.selector, 10);
        _list(this.close.selector, 7);
        _list(this.resolve.selector, 7);
        _list(this.proveEquivocation.selector, 2);
        _list(this.payJurors.selector, 6);
        _list(this.passMinutes.selector, 4);
        _list(this.passToEdge.selector, 3);
        _list(this.passBlocks.selector, 1);
        _list(this.passDays.selector, 3);
        _list(this.propose.selector, 5);
        _list(this.execute.selector, 4);
        _list(this.pause.selector, 1);
        _list(this.intrude.selector, 3);
    }

    function _list(bytes4 action, uint256 weight) private {
        for (uint256 i = 0; i < weight; ++i) _actions.push(action);
    }
}
