// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";
import {MAX_ROYALTY_BPS} from "../types/Limits.sol";

/// @title Models anyone can register and their owner can retire
contract ModelRegistry is IModelRegistry, ERC721 {
    /// @dev Who names the provider registry, once.
    address private immutable _DEPLOYER;

    /// @inheritdoc IModelRegistry
    IProviderRegistry public providers;
    /// @inheritdoc IModelRegistry
    uint256 public lastModelId;
    mapping(uint256 modelId => ModelSpec) private _specs;
    mapping(uint256 modelId => ModelFacts) private _facts;

    modifier onlyModelOwner(uint256 modelId) {
        address owner = _ownerOf(modelId);
        if (owner == address(0)) revert ModelRegistry_UnknownModel(modelId);
        if (owner != msg.sender) revert ModelRegistry_NotOwner(modelId, msg.sender, owner);
        _;
    }

    constructor() ERC721("Assay Model", "ASSAY-MODEL") {
        _DEPLOYER = msg.sender;
    }

    /// @inheritdoc IModelRegistry
    function linkProviders(IProviderRegistry providers_) external {
        if (msg.sender != _DEPLOYER) revert ModelRegistry_NotDeployer(msg.sender);
        if (address(providers) != address(0)) revert ModelRegistry_AlreadyLinked(address(providers));
        if (address(providers_) == address(0)) revert ModelRegistry_ZeroAddress();

        providers = providers_;

        emit ProvidersLinked(address(providers_));
    }

    /// @inheritdoc IModelRegistry
    function register(ModelSpec calldata spec) external returns (uint256 modelId) {
        if (spec.fileHash == bytes32(0)) revert ModelRegistry_EmptyFileHash();
        if (spec.profile == Profile.None) revert ModelRegistry_NoProfile();
        if (spec.profile != Profile.Jury && spec.graphCommitment == bytes32(0)) {
            revert ModelRegistry_NoGraph(spec.profile);
        }
        if (bytes(spec.inputSignature).length == 0 || bytes(spec.outputSignature).length == 0) {
            revert ModelRegistry_EmptySignature();
        }
        if (spec.royaltyBps > MAX_ROYALTY_BPS) {
            revert ModelRegistry_RoyaltyAboveCap(spec.royaltyBps, MAX_ROYALTY_BPS);
        }
        if (spec.parentId > lastModelId) revert ModelRegistry_UnknownModel(spec.parentId);

        modelId = ++lastModelId;
        _specs[modelId] = spec;
        _facts[modelId] = ModelFacts({
            workUnits: spec.workUnits,
            registeredAt: uint48(block.timestamp),
            royaltyBps: spec.royaltyBps,
            profile: spec.profile,
            deprecated: false
        });
        // Not the safe form: a receiver hook would hand control to the caller for nothing.
        _mint(msg.sender, modelId);

        emit ModelRegistered(modelId, msg.sender, spec.fileHash, spec);
    }

    /// @inheritdoc IModelRegistry
    function deprecate(uint256 modelId) external onlyModelOwner(modelId) {
        if (_facts[modelId].deprecated) revert ModelRegistry_Deprecated(modelId);

        _facts[modelId].deprecated = true;

        emit ModelDeprecated(modelId, msg.sender);

        providers.closeModel(modelId);
    }

    /// @inheritdoc IModelRegistry
    function setUris(
        uint256 modelId,
        string calldata modelUri,
        string calldata goldenUri
    ) external onlyModelOwner(modelId) {
        _specs[modelId].modelUri = modelUri;
        _specs[modelId].goldenUri = goldenUri;

        emit ModelUrisChanged(modelId, modelUri, goldenUri);
    }

    /// @inheritdoc IModelRegistry
    function specOf(uint256 modelId) external view returns (ModelSpec memory) {
        if (_ownerOf(modelId) == address(0)) revert ModelRegistry_UnknownModel(modelId);
        return _specs[modelId];
    }

    /// @inheritdoc IModelRegistry
    function factsOf(uint256 modelId) external view returns (ModelFacts memory facts) {
        facts = _facts[modelId];
        if (facts.profile == Profile.None) revert ModelRegistry_UnknownModel(modelId);
    }

    /// @inheritdoc IModelRegistry
    function graphOf(uint256 modelId) external view returns (bytes32) {
        return _specs[modelId].graphCommitment;
    }

    /// @inheritdoc IModelRegistry
    function royaltyOf(uint256 modelId) external view returns (uint16) {
        return _facts[modelId].royaltyBps;
    }

    /// @inheritdoc IModelRegistry
    function requireActive(uint256 modelId) external view {
        ModelFacts storage facts = _facts[modelId];
        if (facts.profile == Profile.None) revert ModelRegistry_UnknownModel(modelId);
        if (facts.deprecated) revert ModelRegistry_Deprecated(modelId);
    }

    /// @notice The model's file, for wallets that show the token.
    function tokenURI(uint256 modelId) public view override returns (string memory) {
        _requireOwned(modelId);
        return _specs[modelId].modelUri;
    }
}
