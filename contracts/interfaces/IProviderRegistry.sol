// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Providers, their keys and their offers
/// @notice A provider is the account that owns the stake. Its operator key, which lives on the serving machine,
/// can deliver results and answer juries but never moves stake or earnings.
interface IProviderRegistry {
    /// @notice Who a provider is.
    struct Provider {
        /// Key of the worker.
        address operator;
        /// Jobs the worker runs at a time: advertised to clients. What binds is the free stake, which each job locks.
        uint32 capacity;
        uint48 registeredAt;
        /// No new jobs while set.
        bool draining;
        /// Account that earnings are credited to.
        address payout;
        /// Base URL of the worker's content store.
        string endpoint;
        /// Public key for encrypted inputs; empty if the provider takes none.
        bytes encryptionKey;
    }

    /// @notice What a provider asks for one inference of a model. One storage slot, so that a request reads one.
    struct Offer {
        uint128 price;
        /// Stake the provider locks behind each job.
        uint96 stake;
        /// Seconds the provider may take; zero if there is no offer, or one that was closed.
        uint32 maxDuration;
    }

    /// @notice A provider joined.
    event ProviderRegistered(
        address indexed provider,
        address indexed operator,
        address indexed payout,
        uint32 capacity,
        string endpoint,
        bytes encryptionKey
    );
    /// @notice The worker's key changed. Jobs requested before still accept the old one besides the provider's own key.
    event OperatorChanged(address indexed provider, address indexed operator);
    /// @notice Earnings go to another account from here on.
    event PayoutChanged(address indexed provider, address indexed payout);
    /// @notice How clients reach the provider changed.
    event EndpointChanged(address indexed provider, string endpoint, bytes encryptionKey, uint32 capacity);
    /// @notice The provider stopped or resumed taking jobs.
    event DrainChanged(address indexed provider, bool draining);
    /// @notice An offer was made or changed; requested jobs keep their terms.
    event OfferSet(
        address indexed provider,
        uint256 indexed modelId,
        address indexed token,
        uint128 price,
        uint96 stake,
        uint32 maxDuration
    );
    /// @notice An offer was taken back; requested jobs keep their terms.
    event OfferRemoved(address indexed provider, uint256 indexed modelId, address indexed token);
    /// @notice An offer above a cap that was lowered takes no jobs any more; requested jobs keep their terms.
    event OfferClosed(
        address indexed provider,
        uint256 indexed modelId,
        address indexed token,
        uint128 price,
        uint128 cap
    );

    error ProviderRegistry_AlreadyRegistered(address provider);
    error ProviderRegistry_NotRegistered(address provider);
    error ProviderRegistry_ZeroAddress();
    error ProviderRegistry_NotAllowed(address provider, address caller);
    error ProviderRegistry_DurationOutOfBounds(uint32 maxDuration, uint32 cap);
    error ProviderRegistry_PriceAboveCap(uint256 modelId, address token, uint128 price, uint128 cap);
    error ProviderRegistry_PriceWithinCap(uint256 modelId, address token, uint128 price, uint128 cap);
    error ProviderRegistry_NoOffer(address provider, uint256 modelId, address token);
    error ProviderRegistry_Draining(address provider);
    error ProviderRegistry_ModelClosed(uint256 modelId);
    error ProviderRegistry_NotModels(address caller);

    /// @notice Registers the caller as a provider.
    function register(
        address operator,
        address payout,
        uint32 capacity,
        string calldata endpoint,
        bytes calldata encryptionKey
    ) external;

    /// @notice Replaces the worker's key. Only the provider.
    function setOperator(address operator) external;

    /// @notice Replaces the payout account. Only the provider.
    function setPayout(address payout) external;

    /// @notice Changes how clients reach the provider. Only the provider.
    function setEndpoint(string calldata endpoint, bytes calldata encryptionKey, uint32 capacity) external;

    /// @notice Stops (true) or resumes (false) taking jobs. The provider or its operator.
    function setDraining(address provider, bool draining) external;

    /// @notice Makes or changes the caller's offer for a model in a token, at a price up to the cap of the model's
    /// profile in that token (`IValueCaps`). Where a cap is lowered later, anyone may close the offer (`closeOffer`).
    function setOffer(uint256 modelId, address token, uint128 price, uint96 stake, uint32 maxDuration) external;

    /// @notice Takes the caller's offer back.
    function removeOffer(uint256 modelId, address token) external;

    /// @notice Closes an offer whose price is above the cap of its model's profile as it is now. Anyone may. Its provider
    /// still counts as one that offers the model, and may set the offer anew.
    function closeOffer(address provider, uint256 modelId, address token) external;

    /// @notice Ends the offers for a model that is deprecated, kept here so that a request asks one registry. Only the
    /// model registry. No event: its `ModelDeprecated` tells.
    function closeModel(uint256 modelId) external;

    /// @notice Whether a model takes no new jobs any more.
    function modelClosed(uint256 modelId) external view returns (bool);

    /// @notice The provider's record.
    function providerOf(address provider) external view returns (Provider memory);

    /// @notice The worker's key.
    function operatorOf(address provider) external view returns (address);

    /// @notice The account that earnings are credited to.
    function payoutOf(address provider) external view returns (address);

    /// @notice The offer, or an empty one.
    function offerOf(address provider, uint256 modelId, address token) external view returns (Offer memory);

    /// @notice How many offers, one a token, the provider has for a model.
    function offerCountOf(address provider, uint256 modelId) external view returns (uint256);

    /// @notice The offer of a provider that takes jobs, and the key its worker delivers with; reverts if it drains or
    /// has none.
    function activeOfferOf(
        address provider,
        uint256 modelId,
        address token
    ) external view returns (Offer memory offer, address operator);
}
