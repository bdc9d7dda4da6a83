// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IArbiter} from "../interfaces/IArbiter.sol";
import {IDisputeManager} from "../interfaces/IDisputeManager.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IPaymentEscrow} from "../interfaces/IPaymentEscrow.sol";
import {IProviderStaking} from "../interfaces/IProviderStaking.sol";
import {FeeMath} from "../libraries/FeeMath.sol";
import {JobId} from "../libraries/JobId.sol";
import {CaseFacts, Ruling} from "../types/DisputeTypes.sol";
import {JobTerms} from "../types/JobTypes.sol";
import {BASIS_POINTS, MAX_RESOLUTION, RESOLUTION_GRACE} from "../types/Limits.sol";

/// @title Challenges, bonds and what follows from a ruling
contract DisputeManager is IDisputeManager, ReentrancyGuardTransient {
    using FeeMath for uint128;
    using SafeERC20 for IERC20;

    /// @notice Shares of a slash. A cheat may be its own finder and its own jury, and must still lose:
    /// FINDER_BPS + ARBITER_BPS < 100 %, asserted in the constructor. The rest goes to the treasury.
    uint16 public constant FINDER_BPS = 4_000;
    uint16 public constant ARBITER_BPS = 2_000;
    /// @notice Most of a lost bond that pays the arbiter; the rest compensates the provider. The arbiter gets the smaller
    /// of its shares of slash and bond whichever way it rules: what it earns must not depend on what it says.
    uint16 public constant BOND_ARBITER_BPS = 5_000;
    /// @dev Gas kept from an arbiter's view, so that one that burns all it gets cannot block the way out.
    uint256 private constant _RULING_GAS = 500_000;

    IInferenceMarket public immutable MARKET;
    IPaymentEscrow public immutable ESCROW;
    IProviderStaking public immutable STAKING;
    IModelRegistry public immutable MODELS;
    /// @notice Token of stakes, bonds and rewards.
    IERC20 public immutable STAKE_TOKEN;
    /// @inheritdoc IDisputeManager
    uint128 public immutable CHALLENGE_BOND;
    /// @dev Who names the arbiters, once each.
    address private immutable _DEPLOYER;

    /// @inheritdoc IDisputeManager
    uint256 public lastCaseId;
    /// @inheritdoc IDisputeManager
    mapping(IModelRegistry.Profile profile => IArbiter) public arbiterOf;
    /// @inheritdoc IDisputeManager
    mapping(uint256 jobId => uint256) public caseOfJob;
    mapping(uint256 caseId => Case) private _cases;

    constructor(
        IInferenceMarket market,
        IPaymentEscrow escrow,
        IProviderStaking staking,
        IModelRegistry models,
        uint128 bond
    ) {
        if (FINDER_BPS + ARBITER_BPS >= BASIS_POINTS) {
            revert DisputeManager_SelfSlashProfitable(FINDER_BPS + ARBITER_BPS);
        }
        if (bond == 0) revert DisputeManager_ZeroBond();

        MARKET = market;
        ESCROW = escrow;
        STAKING = staking;
        MODELS = models;
        STAKE_TOKEN = staking.STAKE_TOKEN();
        CHALLENGE_BOND = bond;
        _DEPLOYER = msg.sender;
        STAKE_TOKEN.forceApprove(address(escrow), type(uint256).max);
    }

    /// @inheritdoc IDisputeManager
    function challenge(JobTerms calldata terms, bytes32 outputCommitment) external returns (uint256 caseId) {
        IModelRegistry.Profile profile = MODELS.factsOf(terms.modelId).profile;
        IArbiter arbiter = arbiterOf[profile];
        if (address(arbiter) == address(0)) revert DisputeManager_NoArbiter(profile);

        // The market checks terms, output and window, and freezes the job.
        uint256 jobId = MARKET.openDispute(terms, outputCommitment);
        caseId = ++lastCaseId;
        uint128 slashCap = uint128(Math.min(terms.stake, STAKING.slashableOf(terms.provider)));
        caseOfJob[jobId] = caseId;
        _cases[caseId] = Case({
            jobId: jobId,
            challenger: msg.sender,
            openedAt: uint48(block.timestamp),
            arbiter: arbiter,
            ruling: Ruling.None,
            bond: CHALLENGE_BOND,
            slashCap: slashCap,
            arbiterReward: 0
        });

        emit CaseOpened(caseId, jobId, msg.sender, address(arbiter), CHALLENGE_BOND, slashCap, outputCommitment);

        ESCROW.hold(address(STAKE_TOKEN), msg.sender, CHALLENGE_BOND);
        arbiter.openCase(caseId, _factsOf(jobId, terms, outputCommitment));
    }

    /// @inheritdoc IDisputeManager
    function resolve(uint256 caseId, JobTerms calldata terms) external nonReentrant {
        Case memory case_ = _cases[caseId];
        if (case_.openedAt == 0) revert DisputeManager_UnknownCase(caseId);
        if (case_.ruling != Ruling.None) revert DisputeManager_AlreadyResolved(caseId, case_.ruling);
        if (case_.jobId != JobId.ofCalldata(terms)) revert DisputeManager_OtherJob(caseId, case_.jobId);

        (Ruling ruling, address finder) = _rulingOf(caseId, case_);
        // Before anything else: whatever follows, no second resolve.
        _cases[caseId].ruling = ruling;
        MARKET.closeDispute(terms, ruling == Ruling.Upheld);

        if (ruling == Ruling.Upheld) _settleUpheld(caseId, case_, terms, finder);
        else if (ruling == Ruling.Rejected) _settleRejected(caseId, case_, terms);
        else _settleInconclusive(caseId, case_);
    }

    /// @inheritdoc IDisputeManager
    function setArbiter(IModelRegistry.Profile profile, IArbiter arbiter) external {
        if (msg.sender != _DEPLOYER) revert DisputeManager_NotDeployer(msg.sender);
        address current = address(arbiterOf[profile]);
        if (current != address(0)) revert DisputeManager_ArbiterAlreadySet(profile, current);
        if (address(arbiter) == address(0)) revert DisputeManager_ZeroAddress();
        (uint256 period, uint256 cap) = (arbiter.resolutionPeriod(), MAX_RESOLUTION - RESOLUTION_GRACE);
        if (period > cap) revert DisputeManager_ArbiterTooSlow(period, cap);

        arbiterOf[profile] = arbiter;

        emit ArbiterSet(profile, address(arbiter));
    }

    /// @inheritdoc IDisputeManager
    /// @dev Not in the middle of a resolution: a ruling whose reward is not known yet would be forwarded as nothing.
    function caseOf(uint256 caseId) external view nonReentrantView returns (Case memory) {
        if (_cases[caseId].openedAt == 0) revert DisputeManager_UnknownCase(caseId);
        return _cases[caseId];
    }

    /// @inheritdoc IDisputeManager
    function treasury() public view returns (address account) {
        (, , , , account) = MARKET.parameters();
    }

    /// @dev The arbiter's word, or `Inconclusive` from an arbiter that is silent or broken for too long.
    function _rulingOf(uint256 caseId, Case memory case_) private view returns (Ruling ruling, address finder) {
        uint256 latestAt = uint256(case_.openedAt) + MAX_RESOLUTION;
        bool late = block.timestamp > latestAt;
        // Too little gas would make a working arbiter look broken: never decide on that.
        if (gasleft() < _RULING_GAS * 2) revert DisputeManager_TooLittleGas(gasleft(), _RULING_GAS * 2);
        (ruling, finder) = _ask(case_.arbiter, caseId);
        if (ruling == Ruling.None) {
            if (!late) revert DisputeManager_NotYetRuled(caseId, latestAt);
            return (Ruling.Inconclusive, address(0));
        }
        if (finder == address(0)) finder = case_.challenger;
    }

    /// @dev What an arbiter says; `None` from one that reverts, burns its gas or gives no answer that can be read.
    /// Not a `try`: an answer that cannot be decoded would revert here, and keep the case open for ever.
    function _ask(IArbiter arbiter, uint256 caseId) private view returns (Ruling, address) {
        bytes memory question = abi.encodeCall(IArbiter.rulingOf, (caseId));
        bool answered;
        uint256 ruling;
        uint256 finder;
        assembly ("memory-safe") {
            let success := staticcall(_RULING_GAS, arbiter, add(question, 32), mload(question), 0, 64)
            answered := and(success, gt(returndatasize(), 63))
            ruling := mload(0)
            finder := mload(32)
        }
        if (!answered || ruling > uint256(type(Ruling).max) || finder > type(uint160).max) {
            return (Ruling.None, address(0));
        }
        return (Ruling(ruling), address(uint160(finder)));
    }

    function _settleUpheld(uint256 caseId, Case memory case_, JobTerms calldata terms, address finder) private {
        uint128 slashed = STAKING.slash(terms.provider, terms.stake, case_.slashCap, address(this));
        uint128 finderReward = slashed.share(FINDER_BPS);
        uint128 arbiterReward = _arbiterReward(case_.bond, slashed);
        uint128 treasuryAmount = slashed - finderReward - arbiterReward;
        _cases[caseId].arbiterReward = arbiterReward;

        emit CaseResolved(
            caseId,
            case_.jobId,
            Ruling.Upheld,
            finder,
            finderReward,
            arbiterReward,
            slashed,
            case_.bond,
            0,
            treasuryAmount
        );

        _deposit(finder, finderReward);
        _deposit(address(case_.arbiter), arbiterReward);
        _deposit(treasury(), treasuryAmount);
        ESCROW.credit(address(STAKE_TOKEN), case_.challenger, case_.bond);
    }

    function _settleRejected(uint256 caseId, Case memory case_, JobTerms calldata terms) private {
        uint128 arbiterReward = _arbiterReward(case_.bond, case_.slashCap);
        uint128 toProvider = case_.bond - arbiterReward;
        _cases[caseId].arbiterReward = arbiterReward;

        emit CaseResolved(caseId, case_.jobId, Ruling.Rejected, address(0), 0, arbiterReward, 0, 0, toProvider, 0);

        ESCROW.credit(address(STAKE_TOKEN), address(case_.arbiter), arbiterReward);
        ESCROW.credit(address(STAKE_TOKEN), terms.provider, toProvider);
    }

    function _settleInconclusive(uint256 caseId, Case memory case_) private {
        emit CaseResolved(caseId, case_.jobId, Ruling.Inconclusive, address(0), 0, 0, 0, case_.bond, 0, 0);

        ESCROW.credit(address(STAKE_TOKEN), case_.challenger, case_.bond);
    }

    function _arbiterReward(uint128 bond, uint128 slash) private pure returns (uint128) {
        return uint128(Math.min(bond.share(BOND_ARBITER_BPS), slash.share(ARBITER_BPS)));
    }

    function _deposit(address account, uint128 amount) private {
        if (amount > 0) ESCROW.deposit(address(STAKE_TOKEN), account, amount);
    }

    function _factsOf(
        uint256 jobId,
        JobTerms calldata terms,
        bytes32 outputCommitment
    ) private view returns (CaseFacts memory) {
        return
            CaseFacts({
                jobId: jobId,
                modelId: terms.modelId,
                provider: terms.provider,
                client: terms.client,
                challenger: msg.sender,
                inputCommitment: terms.inputCommitment,
                outputCommitment: outputCommitment,
                challengeableUntil: MARKET.phaseEndOf(jobId)
            });
    }
}
