// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IArbiter} from "../interfaces/IArbiter.sol";
import {IDisputeManager} from "../interfaces/IDisputeManager.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IPaymentEscrow} from "../interfaces/IPaymentEscrow.sol";
import {IProviderStaking} from "../interfaces/IProviderStaking.sol";
import {FeeMath} from "../libraries/FeeMath.sol";
import {CaseFacts, Ruling} from "../types/DisputeTypes.sol";
import {JobTerms} from "../types/JobTypes.sol";
import {BASIS_POINTS, MAX_RESOLUTION} from "../types/Limits.sol";

/// @title Challenges, bonds and what follows from a ruling
contract DisputeManager is IDisputeManager {
    using FeeMath for uint128;
    using SafeERC20 for IERC20;

    /// @notice Shares of a slash. A cheat may be its own finder and its own jury, and must still lose:
    /// FINDER_BPS + ARBITER_BPS < 100 %, asserted in the constructor. The rest goes to the treasury.
    uint16 public constant FINDER_BPS = 4_000;
    uint16 public constant ARBITER_BPS = 2_000;
    /// @notice Share of a lost bond that pays the arbiter; the rest compensates the provider.
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
        MARKET.openDispute(terms, outputCommitment);
        caseId = ++lastCaseId;
        uint128 slashCap = uint128(Math.min(terms.stake, STAKING.slashableOf(terms.provider)));
        caseOfJob[terms.id] = caseId;
        _cases[caseId] = Case({
            jobId: terms.id,
            challenger: msg.sender,
            openedAt: uint48(block.timestamp),
            arbiter: arbiter,
            ruling: Ruling.None,
            bond: CHALLENGE_BOND,
            slashCap: slashCap,
            arbiterReward: 0,
            subject: _subject(terms, outputCommitment)
        });

        emit CaseOpened(caseId, terms.id, msg.sender, address(arbiter), CHALLENGE_BOND, slashCap, outputCommitment);

        ESCROW.hold(address(STAKE_TOKEN), msg.sender, CHALLENGE_BOND);
        arbiter.openCase(caseId, _factsOf(terms, outputCommitment));
    }

    /// @inheritdoc IDisputeManager
    function resolve(uint256 caseId, JobTerms calldata terms, bytes32 outputCommitment) external {
        Case memory case_ = _cases[caseId];
        if (case_.openedAt == 0) revert DisputeManager_UnknownCase(caseId);
        if (case_.ruling != Ruling.None) revert DisputeManager_AlreadyResolved(caseId, case_.ruling);
        if (case_.subject != _subject(terms, outputCommitment)) revert DisputeManager_SubjectMismatch(caseId);

        (Ruling ruling, address finder) = _rulingOf(caseId, case_);
        // Before anything else: whatever follows, no second resolve.
        _cases[caseId].ruling = ruling;
        MARKET.closeDispute(terms, outputCommitment, ruling == Ruling.Upheld);

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
        uint256 period = arbiter.resolutionPeriod();
        if (period > MAX_RESOLUTION) revert DisputeManager_ArbiterTooSlow(period, MAX_RESOLUTION);

        arbiterOf[profile] = arbiter;

        emit ArbiterSet(profile, address(arbiter));
    }

    /// @inheritdoc IDisputeManager
    function caseOf(uint256 caseId) external view returns (Case memory) {
        if (_cases[caseId].openedAt == 0) revert DisputeManager_UnknownCase(caseId);
        return _cases[caseId];
    }

    /// @inheritdoc IDisputeManager
    function treasury() public view returns (address account) {
        (, , , , , account) = MARKET.parameters();
    }

    /// @dev The arbiter's word, or `Inconclusive` from an arbiter that is silent or broken for too long.
    function _rulingOf(uint256 caseId, Case memory case_) private view returns (Ruling ruling, address finder) {
        uint256 latestAt = uint256(case_.openedAt) + MAX_RESOLUTION;
        bool late = block.timestamp > latestAt;
        // Too little gas would make a working arbiter look broken: never decide on that.
        if (gasleft() < _RULING_GAS * 2) revert DisputeManager_TooLittleGas(gasleft(), _RULING_GAS * 2);
        try case_.arbiter.rulingOf{gas: _RULING_GAS}(caseId) returns (Ruling said, address by) {
            (ruling, finder) = (said, by);
        } catch {
            ruling = Ruling.None;
        }
        if (ruling == Ruling.None) {
            if (!late) revert DisputeManager_NotYetRuled(caseId, latestAt);
            return (Ruling.Inconclusive, address(0));
        }
        if (finder == address(0)) finder = case_.challenger;
    }

    function _settleUpheld(uint256 caseId, Case memory case_, JobTerms calldata terms, address finder) private {
        uint128 slashed = STAKING.slash(terms.provider, terms.stake, case_.slashCap, address(this));
        uint128 finderReward = slashed.share(FINDER_BPS);
        uint128 arbiterReward = slashed.share(ARBITER_BPS);
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
        uint128 arbiterReward = case_.bond.share(BOND_ARBITER_BPS);
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

    function _deposit(address account, uint128 amount) private {
        if (amount > 0) ESCROW.deposit(address(STAKE_TOKEN), account, amount);
    }

    function _factsOf(JobTerms calldata terms, bytes32 outputCommitment) private view returns (CaseFacts memory) {
        return
            CaseFacts({
                jobId: terms.id,
                modelId: terms.modelId,
                provider: terms.provider,
                client: terms.client,
                challenger: msg.sender,
                inputCommitment: terms.inputCommitment,
                outputCommitment: outputCommitment,
                challengeableUntil: MARKET.phaseEndOf(terms.id)
            });
    }

    function _subject(JobTerms calldata terms, bytes32 outputCommitment) private pure returns (bytes32) {
        return keccak256(abi.encode(terms, outputCommitment));
    }
}
