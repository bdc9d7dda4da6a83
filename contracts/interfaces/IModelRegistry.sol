// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IProviderRegistry} from "./IProviderRegistry.sol";

/// @title Models anyone can register and their owner can retire
/// @notice A model is an ERC-721 token: its owner earns the royalty. What a job depends on never changes
/// after registration; a new version is a new model that names its parent.
interface IModelRegistry {
    /// @notice How a wrong result of the model is judged.
    enum Profile {
        None,
        /// Exact integers: proven on chain, element by element.
        Exact,
        /// Canonical fp32: proven on chain, bit for bit.
        Canonical,
        /// Fp32 sums in any order: proven on chain where an element is further off than rounding explains. What is closer
        /// passes, right or wrong: enough to turn a close decision.
        Tolerance,
        /// Re-executed by a drawn jury: sound under an honest majority of jurors only.
        Jury
    }

    /// @notice What the owner states about a model.
    struct ModelSpec {
        /// sha-256 of the `.onnx` file.
        bytes32 fileHash;
        /// sha-256 of the golden vectors that a worker reproduces before it serves the model.
        bytes32 goldenHash;
        /// Commitment to graph and weights. Profile `Jury` may leave it zero: no other can be judged without.
        bytes32 graphCommitment;
        Profile profile;
        /// Multiply-accumulates of one inference.
        uint128 workUnits;
        /// Owner's share of each job's price, in basis points, at most `MAX_ROYALTY_BPS`.
        uint16 royaltyBps;
        /// Model this one replaces; zero for a first version.
        uint256 parentId;
        /// Inputs in order, such as `x:float32[1,64]`.
        string inputSignature;
        /// Outputs in order, in the same form.
        string outputSignature;
        /// SPDX identifier or URI of the licence.
        string licence;
        /// Where the file may be fetched; its hash makes any source safe.
        string modelUri;
        /// Where the golden vectors may be fetched.
        string goldenUri;
    }

    /// @notice The facts a job needs, in one storage slot.
    struct ModelFacts {
        uint128 workUnits;
        uint48 registeredAt;
        uint16 royaltyBps;
        Profile profile;
        bool deprecated;
    }

    /// @notice A model was registered.
    event ModelRegistered(uint256 indexed modelId, address indexed owner, bytes32 indexed fileHash, ModelSpec spec);
    /// @notice No new job may name the model; running jobs go on.
    event ModelDeprecated(uint256 indexed modelId, address indexed owner);
    /// @notice The file or the golden vectors moved; their hashes did not change.
    event ModelUrisChanged(uint256 indexed modelId, string modelUri, string goldenUri);
    /// @notice The provider registry was named, for good.
    event ProvidersLinked(address indexed providers);

    error ModelRegistry_UnknownModel(uint256 modelId);
    error ModelRegistry_NotOwner(uint256 modelId, address caller, address owner);
    error ModelRegistry_EmptyFileHash();
    error ModelRegistry_NoProfile();
    error ModelRegistry_NoGraph(Profile profile);
    error ModelRegistry_EmptySignature();
    error ModelRegistry_RoyaltyAboveCap(uint16 royaltyBps, uint16 cap);
    error ModelRegistry_Deprecated(uint256 modelId);
    error ModelRegistry_NotDeployer(address caller);
    error ModelRegistry_AlreadyLinked(address providers);
    error ModelRegistry_ZeroAddress();

    /// @notice Registers a model for the caller.
    /// @param spec What the owner states about it.
    /// @return modelId Its id, one above the last.
    function register(ModelSpec calldata spec) external returns (uint256 modelId);

    /// @notice Closes the model for new jobs, for good. Only its owner.
    function deprecate(uint256 modelId) external;

    /// @notice Names new places to fetch the same bytes from. Only its owner.
    function setUris(uint256 modelId, string calldata modelUri, string calldata goldenUri) external;

    /// @notice Names the registry that is told of deprecations, once. Only the deployer.
    function linkProviders(IProviderRegistry providers) external;

    /// @notice The registry that is told of deprecations.
    function providers() external view returns (IProviderRegistry);

    /// @notice Id of the latest model.
    function lastModelId() external view returns (uint256);

    /// @notice All that was stated about a model.
    function specOf(uint256 modelId) external view returns (ModelSpec memory);

    /// @notice The facts a job needs.
    function factsOf(uint256 modelId) external view returns (ModelFacts memory);

    /// @notice What the model's operators are for the proof court; zero for a model of profile `Jury` without any.
    function graphOf(uint256 modelId) external view returns (bytes32);

    /// @notice The owner's share of each job's price, in basis points. Fixed at registration.
    function royaltyOf(uint256 modelId) external view returns (uint16 royaltyBps);

    /// @notice Reverts unless the model is open for new jobs.
    function requireActive(uint256 modelId) external view;
}
