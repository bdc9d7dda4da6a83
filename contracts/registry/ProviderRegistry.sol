// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";
import {IValueCaps} from "../interfaces/IValueCaps.sol";
import {MAX_JOB_DURATION} from "../types/Limits.sol";

/// @title Providers, their keys and their offers
contract ProviderRegistry is IProviderRegistry {
    /// @notice Where models are registered.
    IModelRegistry public immutable MODELS;
    /// @notice What offers for a model may cost at most.
    IValueCaps public immutable VALUE_CAPS;

    mapping(address provider => Provider) private _providers;
    mapping(address provider => mapping(uint256 modelId => mapping(address token => Offer))) private _offers;
    mapping(address provider => mapping(uint256 modelId => uint256)) private _offerCounts;
    /// @inheritdoc IProviderRegistry
    mapping(uint256 modelId => bool) public modelClosed;

    modifier onlyRegistered(address provider) {
        if (_providers[provider].registeredAt == 0) revert ProviderRegistry_NotRegistered(provider);
        _;
    }

    constructor(IModelRegistry models, IValueCaps valueCaps) {
        if (address(models) == address(0) || address(valueCaps) == address(0)) revert ProviderRegistry_ZeroAddress();
        MODELS = models;
        VALUE_CAPS = valueCaps;
    }

    /// @inheritdoc IProviderRegistry
    /// @dev The operator need not prove its key: naming somebody else's key gives that key power over this provider's
    /// jobs and costs its owner nothing.
    function register(
        address operator,
        address payout,
        uint32 capacity,
        string calldata endpoint,
        bytes calldata encryptionKey
    ) external {
        if (_providers[msg.sender].registeredAt != 0) revert ProviderRegistry_AlreadyRegistered(msg.sender);
        if (operator == address(0) || payout == address(0)) revert ProviderRegistry_ZeroAddress();

        _providers[msg.sender] = Provider({
            operator: operator,
            capacity: capacity,
            registeredAt: uint48(block.timestamp),
            draining: false,
            payout: payout,
            endpoint: endpoint,
            encryptionKey: encryptionKey
        });

        emit ProviderRegistered(msg.sender, operator, payout, capacity, endpoint, encryptionKey);
    }

    /// @inheritdoc IProviderRegistry
    function setOperator(address operator) external onlyRegistered(msg.sender) {
        if (operator == address(0)) revert ProviderRegistry_ZeroAddress();

        _providers[msg.sender].operator = operator;

        emit OperatorChanged(msg.sender, operator);
    }

    /// @inheritdoc IProviderRegistry
    function setPayout(address payout) external onlyRegistered(msg.sender) {
        if (payout == address(0)) revert ProviderRegistry_ZeroAddress();

        _providers[msg.sender].payout = payout;

        emit PayoutChanged(msg.sender, payout);
    }

    /// @inheritdoc IProviderRegistry
    function setEndpoint(
        string calldata endpoint,
        bytes calldata encryptionKey,
        uint32 capacity
    ) external onlyRegistered(msg.sender) {
        Provider storage provider = _providers[msg.sender];
        provider.endpoint = endpoint;
        provider.encryptionKey = encryptionKey;
        provider.capacity = capacity;

        emit EndpointChanged(msg.sender, endpoint, encryptionKey, capacity);
    }

    /// @inheritdoc IProviderRegistry
    function setDraining(address provider, bool draining) external onlyRegistered(provider) {
        if (msg.sender != provider && msg.sender != _providers[provider].operator) {
            revert ProviderRegistry_NotAllowed(provider, msg.sender);
        }

        _providers[provider].draining = draining;

        emit DrainChanged(provider, draining);
    }

    /// @inheritdoc IProviderRegistry
    /// @dev The cap is looked at here and not at the request, which pays for every storage slot it reads: a job costs
    /// what the offer says.
    function setOffer(
        uint256 modelId,
        address token,
        uint128 price,
        uint96 stake,
        uint32 maxDuration
    ) external onlyRegistered(msg.sender) {
        if (token == address(0)) revert ProviderRegistry_ZeroAddress();
        if (maxDuration == 0 || maxDuration > MAX_JOB_DURATION) {
            revert ProviderRegistry_DurationOutOfBounds(maxDuration, MAX_JOB_DURATION);
        }
        MODELS.requireActive(modelId);
        uint128 cap = VALUE_CAPS.capOf(MODELS.factsOf(modelId).profile, token);
        if (price > cap) revert ProviderRegistry_PriceAboveCap(modelId, token, price, cap);

        Offer storage offer = _offers[msg.sender][modelId][token];
        if (_isEmpty(offer)) ++_offerCounts[msg.sender][modelId];
        (offer.price, offer.stake, offer.maxDuration) = (price, stake, maxDuration);

        emit OfferSet(msg.sender, modelId, token, price, stake, maxDuration);
    }

    /// @inheritdoc IProviderRegistry
    function removeOffer(uint256 modelId, address token) external {
        if (_isEmpty(_offers[msg.sender][modelId][token])) revert ProviderRegistry_NoOffer(msg.sender, modelId, token);

        delete _offers[msg.sender][modelId][token];
        --_offerCounts[msg.sender][modelId];

        emit OfferRemoved(msg.sender, modelId, token);
    }

    /// @inheritdoc IProviderRegistry
    /// @dev Its price stays, and with it its place in the count: whoever sets caps must not thin juries.
    function closeOffer(address provider, uint256 modelId, address token) external {
        Offer storage offer = _offers[provider][modelId][token];
        if (offer.maxDuration == 0) revert ProviderRegistry_NoOffer(provider, modelId, token);
        uint128 cap = VALUE_CAPS.capOf(MODELS.factsOf(modelId).profile, token);
        if (offer.price <= cap) revert ProviderRegistry_PriceWithinCap(modelId, token, offer.price, cap);

        offer.maxDuration = 0;

        emit OfferClosed(provider, modelId, token, offer.price, cap);
    }

    /// @inheritdoc IProviderRegistry
    function closeModel(uint256 modelId) external {
        if (msg.sender != address(MODELS)) revert ProviderRegistry_NotModels(msg.sender);

        modelClosed[modelId] = true;
    }

    /// @inheritdoc IProviderRegistry
    function providerOf(address provider) external view onlyRegistered(provider) returns (Provider memory) {
        return _providers[provider];
    }

    /// @inheritdoc IProviderRegistry
    function operatorOf(address provider) external view returns (address) {
        return _providers[provider].operator;
    }

    /// @inheritdoc IProviderRegistry
    function payoutOf(address provider) external view returns (address) {
        return _providers[provider].payout;
    }

    /// @inheritdoc IProviderRegistry
    function offerOf(address provider, uint256 modelId, address token) external view returns (Offer memory) {
        return _offers[provider][modelId][token];
    }

    /// @inheritdoc IProviderRegistry
    function offerCountOf(address provider, uint256 modelId) external view returns (uint256) {
        return _offerCounts[provider][modelId];
    }

    /// @inheritdoc IProviderRegistry
    function activeOfferOf(
        address provider,
        uint256 modelId,
        address token
    ) external view returns (Offer memory offer, address operator) {
        Provider storage record = _providers[provider];
        offer = _offers[provider][modelId][token];
        if (offer.maxDuration == 0) revert ProviderRegistry_NoOffer(provider, modelId, token);
        if (modelClosed[modelId]) revert ProviderRegistry_ModelClosed(modelId);
        if (record.draining) revert ProviderRegistry_Draining(provider);
        operator = record.operator;
    }

    /// @dev An offer that was closed has a price above a cap, and so above zero.
    function _isEmpty(Offer storage offer) private view returns (bool) {
        return offer.maxDuration == 0 && offer.price == 0;
    }
}
