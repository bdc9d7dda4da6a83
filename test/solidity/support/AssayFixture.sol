// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {Controlled} from "../../../contracts/access/Controlled.sol";
import {IDisputeManager} from "../../../contracts/interfaces/IDisputeManager.sol";
import {IInferenceMarket} from "../../../contracts/interfaces/IInferenceMarket.sol";
import {IJuryArbiter} from "../../../contracts/interfaces/IJuryArbiter.sol";
import {IModelRegistry} from "../../../contracts/interfaces/IModelRegistry.sol";
import {IPaymentEscrow} from "../../../contracts/interfaces/IPaymentEscrow.sol";
import {IProviderRegistry} from "../../../contracts/interfaces/IProviderRegistry.sol";
import {IProviderStaking} from "../../../contracts/interfaces/IProviderStaking.sol";
import {IRandomness} from "../../../contracts/interfaces/IRandomness.sol";
import {IValueCaps} from "../../../contracts/interfaces/IValueCaps.sol";
import {DevToken} from "../../../contracts/mocks/DevToken.sol";
import {JobTerms} from "../../../contracts/types/JobTypes.sol";
import {IMarketFactory} from "./IMarketFactory.sol";
import {TestBase} from "./TestBase.sol";

/// The system but the proof court and the audits, deployed as `ignition/modules/Assay.ts` does and with a jury for every
/// profile, from what `npm run compile` made: the tests name interfaces only, so that they compile in a fraction of the
/// time.
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
    uint64 internal constant ADMIN_ROLE = 0;
    uint64 internal constant PARAMETERS_ROLE = 1;
    uint64 internal constant GUARDIAN_ROLE = 2;

    IAccessManager public authority;
    IMarketFactory public factory;
    IModelRegistry public models;
    IValueCaps public valueCaps;
    IProviderRegistry public providers;
    IPaymentEscrow public escrow;
    IProviderStaking public staking;
    IInferenceMarket public market;
    IDisputeManager public disputes;
    IRandomness public randomness;
    IJuryArbiter public jury;
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
        authority = IAccessManager(_deploy("AccessManager", abi.encode(this)));
        factory = IMarketFactory(_deploy("MarketFactory", ""));
        models = IModelRegistry(_deploy("ModelRegistry", ""));
        valueCaps = IValueCaps(_deploy("ValueCaps", abi.encode(authority, _initialCaps())));
        providers = IProviderRegistry(_deploy("ProviderRegistry", abi.encode(models, valueCaps)));
        escrow = IPaymentEscrow(_deploy("PaymentEscrow", abi.encode(factory.market())));
        staking = IProviderStaking(_deploy("ProviderStaking", abi.encode(stakeToken, factory.market(), UNBONDING)));
        market = factory.deploy(
            address(authority),
            models,
            providers,
            staking,
            escrow,
            IInferenceMarket.Parameters(FEE_BPS, WINDOW, MIN_JOB_STAKE, TREASURY)
        );
        disputes = IDisputeManager(_deploy("DisputeManager", abi.encode(market, escrow, staking, models, BOND)));
        randomness = IRandomness(_deploy("BlockhashRandomness", ""));
        jury = IJuryArbiter(_deployJury());
        _link();
        _setRoles();
    }

    /// Caps that no price reaches, for models that a jury judges.
    function _initialCaps() private view returns (IValueCaps.Cap[] memory caps) {
        caps = new IValueCaps.Cap[](2);
        caps[0] = IValueCaps.Cap(IModelRegistry.Profile.Jury, address(stakeToken), type(uint128).max);
        caps[1] = IValueCaps.Cap(IModelRegistry.Profile.Jury, address(payToken), type(uint128).max);
    }

    function _deployJury() private returns (address) {
        IJuryArbiter.Periods memory periods = IJuryArbiter.Periods(JURY_PERIOD, JURY_PERIOD, JURY_PERIOD);
        return
            _deploy(
                "JuryArbiter",
                abi.encode(disputes, escrow, staking, providers, randomness, periods, JURY_SIZE, JUROR_LOCK)
            );
    }

    function _link() private {
        address[] memory courts = new address[](2);
        (courts[0], courts[1]) = (address(disputes), address(jury));
        Controlled(address(staking)).setControllers(courts);
        assembly ("memory-safe") {
            mstore(courts, 1)
        }
        Controlled(address(escrow)).setControllers(courts);
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
        authority.grantRole(ADMIN_ROLE, address(this), PARAMETER_DELAY);
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
