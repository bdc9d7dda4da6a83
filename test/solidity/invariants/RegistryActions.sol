// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {Observed} from "./Observed.sol";

/// Models, providers and their offers.
abstract contract RegistryActions is Observed {
    function registerModel(uint256 seed) external acts(seed) {
        address owner = _pick(_owners);
        uint16 royaltyBps = uint16(_roll(2_200));
        bytes memory data = abi.encodeCall(models.register, (_spec(royaltyBps)));
        if (!_call("models.register", owner, address(models), data, royaltyBps <= 2_000)) return;

        if (_lastResult != _models.length) ++idsOutOfOrder;
        _models.push(Model(owner, royaltyBps, false));
    }

    function deprecateModel(uint256 seed) external acts(seed) {
        (uint256 id, address who) = _modelAndCaller();
        Model storage model = _models[id];
        // The first model stays, so that the campaign does not run dry.
        if (id == 1) return;
        bool expected = who == model.owner && !model.deprecated;
        bytes memory data = abi.encodeCall(models.deprecate, (id));
        if (_call("models.deprecate", who, address(models), data, expected)) model.deprecated = true;
    }

    function setUris(uint256 seed) external acts(seed) {
        (uint256 id, address who) = _modelAndCaller();
        bytes memory data = abi.encodeCall(models.setUris, (id, "ipfs://model", "ipfs://golden"));
        _call("models.setUris", who, address(models), data, who == _models[id].owner);
    }

    /// The royalty goes with the token.
    function transferModel(uint256 seed) external acts(seed) {
        (uint256 id, address who) = _modelAndCaller();
        address to = _pick(_owners);
        bytes memory data = abi.encodeCall(IERC721.transferFrom, (_models[id].owner, to, id));
        if (_call("models.transferFrom", who, address(models), data, who == _models[id].owner)) _models[id].owner = to;
    }

    function registerProvider(uint256 seed) external acts(seed) {
        address who = _pick(_provs);
        address operator = _pick(_operators);
        bytes memory data = abi.encodeCall(providers.register, (operator, who, 4, "http://provider", ""));
        bool expected = !_workers[who].registered;
        if (_call("providers.register", who, address(providers), data, expected)) {
            _workers[who] = Worker(true, false, operator, who);
        }
    }

    function setOperator(uint256 seed) external acts(seed) {
        address who = _pick(_provs);
        address operator = _pick(_operators);
        bytes memory data = abi.encodeCall(providers.setOperator, (operator));
        if (_call("providers.setOperator", who, address(providers), data, _workers[who].registered)) {
            _workers[who].operator = operator;
        }
    }

    function setPayout(uint256 seed) external acts(seed) {
        address who = _pick(_provs);
        address payout =
            _oneIn(8)
                ? address(0)
                : _oneIn(2)
                    ? who
                    : _anybody();
        bytes memory data = abi.encodeCall(providers.setPayout, (payout));
        bool expected = _workers[who].registered && payout != address(0);
        if (_call("providers.setPayout", who, address(providers), data, expected)) _workers[who].payout = payout;
    }

    function setEndpoint(uint256 seed) external acts(seed) {
        address who = _pick(_provs);
        bytes memory data = abi.encodeCall(providers.setEndpoint, ("http://moved", "", uint32(_roll(8))));
        _call("providers.setEndpoint", who, address(providers), data, _workers[who].registered);
    }

    function setDraining(uint256 seed) external acts(seed) {
        address provider = _pick(_provs);
        Worker storage worker = _workers[provider];
        address who = _mostly(_oneIn(2) ? provider : worker.operator);
        bool draining = _oneIn(4);
        bool expected = worker.registered && (who == provider || who == worker.operator);
        bytes memory data = abi.encodeCall(providers.setDraining, (provider, draining));
        if (_call("providers.setDraining", who, address(providers), data, expected)) worker.draining = draining;
    }

    function setOffer(uint256 seed) external acts(seed) {
        address who = _pick(_provs);
        uint256 id = 1 + _roll(_models.length - 1);
        uint256 token = _roll(2);
        Offer memory offer = Offer(uint128(_roll(5e18)), uint96(_roll(40e18)), uint32(_roll(4 hours)));
        if (_oneIn(10)) (offer.price, offer.stake) = (0, 0);
        if (_oneIn(10)) offer.maxDuration = uint32(_roll(4 days));
        bool inBounds = offer.maxDuration > 0 && offer.maxDuration <= 3 days;
        bool expected = _workers[who].registered && inBounds && !_models[id].deprecated && offer.price <= _capOf[token];
        bytes memory data = abi.encodeCall(
            providers.setOffer,
            (id, _tokenOf(token), offer.price, offer.stake, offer.maxDuration)
        );
        if (_call("providers.setOffer", who, address(providers), data, expected)) _offers[who][id][token] = offer;
    }

    function removeOffer(uint256 seed) external acts(seed) {
        address who = _pick(_provs);
        uint256 id = 1 + _roll(_models.length - 1);
        uint256 token = _roll(2);
        bool expected = _isCounted(_offers[who][id][token]);
        bytes memory data = abi.encodeCall(providers.removeOffer, (id, _tokenOf(token)));
        if (_call("providers.removeOffer", who, address(providers), data, expected)) {
            delete _offers[who][id][token];
        }
    }

    function _modelAndCaller() private returns (uint256 id, address who) {
        id = 1 + _roll(_models.length - 1);
        who = _mostly(_models[id].owner);
    }
}
