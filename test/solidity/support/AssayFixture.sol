// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {DisputeManager} from "../../../contracts/disputes/DisputeManager.sol";
import {BlockhashRandomness} from "../../../contracts/disputes/arbiters/BlockhashRandomness.sol";
import {JuryArbiter} from "../../../contracts/disputes/arbiters/JuryArbiter.sol";
import {IInferenceMarket} from "../../../contracts/interfaces/IInferenceMarket.sol";
import {IJuryArbiter} from "../../../contracts/interfaces/IJuryArbiter.sol";
import {IModelRegistry} from "../../../contracts/interfaces/IModelRegistry.sol";
import {IValueCaps} from "../../../contracts/interfaces/IValueCaps.sol";
import {InferenceMarket} from "../../../contracts/market/InferenceMarket.sol";
import {MarketFactory} from "../../../contracts/market/MarketFactory.sol";
import {DevToken} from "../../../contracts/mocks/DevToken.sol";
import {PaymentEscrow} from "../../../contracts/payments/PaymentEscrow.sol";
import {ModelRegistry} from "../../../contracts/registry/ModelRegistry.sol";
import {ProviderRegistry} from "../../../contracts/registry/ProviderRegistry.sol";
import {ValueCaps} from "../../../contracts/registry/ValueCaps.sol";
import {ProviderStaking} from "../../../contracts/staking/ProviderStaking.sol";
import {JobTerms} from "../../../contracts/types/JobTypes.sol";
import {TestBase} from "./TestBase.sol";

/// The whole system, deployed as `ignition/modules/Assay.ts` does.
abstract contract AssayFixture is TestBase {
    uint16 internal constant FEE_BPS = 250;
    uint16 internal constant ROYALTY_BPS = 500;
    uint32 internal constant WINDOW = 1 hours;
    uint128 internal constant MIN_JOB_STAKE = 1e18;
    uint128 internal constant BOND = 10e18;
    uint128 internal constant JUROR_LOCK = 1e18;
    uint8 internal constant JURY_SIZE = 3;
    uint8 internal constant SILENT_SEATS = 4;
    uint48 internal constant UNBONDING = 21 days;
    uint48 internal constant JURY_PERIOD = 1 hours;
    uint32 internal constant PARAMETER_DELAY = 2 days;
    uint64 internal constant PARAMETERS_ROLE = 1;
    uint64 internal constant GUARDIAN_ROLE = 2;

    AccessManager public authority;
    MarketFactory public factory;
    ModelRegistry public models;
    ValueCaps public valueCaps;
    ProviderRegistry public providers;
    PaymentEscrow public escrow;
    ProviderStaking public staking;
    InferenceMarket public market;
    DisputeManager public disputes;
    BlockhashRandomness public randomness;
    JuryArbiter public jury;
    DevToken public stakeToken;
    DevToken public payToken;

    address internal immutable ADMIN = _person("admin");
    address internal immutable GUARDIAN = _person("guardian");
    address internal immutable TREASURY = _person("treasury");

    function _person(string memory name) internal pure returns (address) {
        return vm.addr(_keyOf(name));
    }

    function _keyOf(string memory name) internal pure returns (uint256) {
        return uint256(keccak256(bytes(name)));
    }

    function _deployAssay(DevToken stakeToken_, DevToken payToken_) internal {
        (stakeToken, payToken) = (stakeToken_, payToken_);
        authority = new AccessManager(address(this));
        factory = new MarketFactory();
        models = new ModelRegistry();
        valueCaps = new ValueCaps(address(authority), _initialCaps());
        providers = new ProviderRegistry(models, valueCaps);
        escrow = new PaymentEscrow(factory.market());
        staking = new ProviderStaking(stakeToken, factory.market(), UNBONDING);
        market = factory.deploy(
            address(authority),
            models,
            providers,
            staking,
            escrow,
            IInferenceMarket.Parameters(FEE_BPS, WINDOW, MIN_JOB_STAKE, TREASURY)
        );
        disputes = new DisputeManager(market, escrow, staking, models, BOND);
        randomness = new BlockhashRandomness();
        jury = new JuryArbiter(
            disputes,
            escrow,
            staking,
            providers,
            randomness,
            IJuryArbiter.Periods(JURY_PERIOD, JURY_PERIOD, JURY_PERIOD),
            JURY_SIZE,
            JUROR_LOCK
        );
        _link();
        _setRoles();
    }

    /// Caps that no price reaches, for models that a jury judges.
    function _initialCaps() private view returns (IValueCaps.Cap[] memory caps) {
        caps = new IValueCaps.Cap[](2);
        caps[0] = IValueCaps.Cap(IModelRegistry.Profile.Jury, address(stakeToken), type(uint128).max);
        caps[1] = IValueCaps.Cap(IModelRegistry.Profile.Jury, address(payToken), type(uint128).max);
    }

    function _link() private {
        address[] memory courts = new address[](2);
        (courts[0], courts[1]) = (address(disputes), address(jury));
        staking.setControllers(courts);
        assembly ("memory-safe") {
            mstore(courts, 1)
        }
        escrow.setControllers(courts);
        models.linkProviders(providers);
        market.linkDisputes(address(disputes));
        for (uint8 profile = 1; profile <= 4; ++profile) {
            disputes.setArbiter(IModelRegistry.Profile(profile), jury);
        }
    }

    function _setRoles() private {
        bytes4[] memory parameters = new bytes4[](5);
        parameters[0] = IInferenceMarket.unpause.selector;
        parameters[1] = IInferenceMarket.setProtocolFee.selector;
        parameters[2] = IInferenceMarket.setChallengeWindow.selector;
        parameters[3] = IInferenceMarket.setMinJobStake.selector;
        parameters[4] = IInferenceMarket.setTreasury.selector;
        bytes4[] memory guards = new bytes4[](1);
        guards[0] = IInferenceMarket.pause.selector;
        authority.setTargetFunctionRole(address(market), parameters, PARAMETERS_ROLE);
        authority.setTargetFunctionRole(address(market), guards, GUARDIAN_ROLE);
        bytes4[] memory caps = new bytes4[](1);
        caps[0] = IValueCaps.setCap.selector;
        authority.setTargetFunctionRole(address(valueCaps), caps, PARAMETERS_ROLE);
        authority.grantRole(PARAMETERS_ROLE, ADMIN, PARAMETER_DELAY);
        authority.grantRole(GUARDIAN_ROLE, GUARDIAN, 0);
        authority.grantRole(authority.ADMIN_ROLE(), address(this), PARAMETER_DELAY);
    }

    function _spec(uint16 royaltyBps) internal pure returns (IModelRegistry.ModelSpec memory spec) {
        spec.fileHash = keccak256("model");
        spec.profile = IModelRegistry.Profile.Jury;
        spec.royaltyBps = royaltyBps;
        spec.inputSignature = "x:float32[1,64]";
        spec.outputSignature = "label:int64[1]";
    }

    function _registerModel(address owner, uint16 royaltyBps) internal returns (uint256 modelId) {
        vm.prank(owner);
        modelId = models.register(_spec(royaltyBps));
    }

    function _registerProvider(address provider, address operator) internal {
        vm.prank(provider);
        providers.register(operator, provider, 4, "http://provider", "");
    }

    function _offer(address provider, uint256 modelId, uint128 price, uint96 stake, uint32 maxDuration) internal {
        vm.prank(provider);
        providers.setOffer(modelId, address(payToken), price, stake, maxDuration);
    }

    function _stake(address provider, uint128 amount) internal {
        _fund(stakeToken, provider, address(staking), amount);
        vm.prank(provider);
        staking.deposit(provider, amount);
    }

    function _prepay(DevToken token, address account, uint128 amount) internal {
        _fund(token, account, address(escrow), amount);
        vm.prank(account);
        escrow.deposit(address(token), account, amount);
    }

    function _fund(DevToken token, address owner, address spender, uint256 amount) internal {
        token.mint(owner, amount);
        vm.prank(owner);
        token.approve(spender, type(uint256).max);
    }

    function _requestOf(
        address provider,
        uint256 modelId,
        address token
    ) internal pure returns (IInferenceMarket.JobRequest memory job) {
        job.provider = provider;
        job.modelId = modelId;
        job.inputCommitment = keccak256("input");
        job.token = token;
        job.maxPrice = type(uint128).max;
        job.deliverBy = type(uint48).max;
    }

    /// The id of a job, taken without the library under test.
    function _idOf(JobTerms memory terms) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(terms)));
    }

    /// The terms a job of these parties gets now, from what the tests know rather than from the market's event.
    function _termsNow(
        uint64 nonce,
        address client,
        IInferenceMarket.JobRequest memory job,
        address operator,
        uint128 price,
        uint128 stake,
        uint32 maxDuration
    ) internal view returns (JobTerms memory terms) {
        terms.nonce = nonce;
        terms.client = client;
        terms.provider = job.provider;
        terms.operator = operator;
        terms.modelId = job.modelId;
        terms.inputCommitment = job.inputCommitment;
        terms.token = job.token;
        terms.price = price;
        terms.stake = stake;
        terms.executionDeadline = uint48(block.timestamp) + maxDuration;
        terms.challengeWindow = WINDOW;
        terms.protocolFeeBps = FEE_BPS;
    }
}
