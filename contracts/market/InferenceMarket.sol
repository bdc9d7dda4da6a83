// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IPaymentEscrow} from "../interfaces/IPaymentEscrow.sol";
import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";
import {IProviderStaking} from "../interfaces/IProviderStaking.sol";
import {FeeMath} from "../libraries/FeeMath.sol";
import {JobId} from "../libraries/JobId.sol";
import {JobStatus, JobTerms} from "../types/JobTypes.sol";
import {JobLedger} from "./JobLedger.sol";
import {MarketParameters} from "./MarketParameters.sol";

/// @title Jobs from request to settlement
/// @dev Holds no tokens. Every contract it calls is fixed at construction and none of them calls back or out to a
/// token from the functions used here, so no function needs a reentrancy guard. `multicall` batches calls of one caller.
contract InferenceMarket is JobLedger, MarketParameters, Multicall {
    using SafeCast for uint256;

    IModelRegistry public immutable MODELS;
    IProviderRegistry public immutable PROVIDERS;
    IProviderStaking public immutable STAKING;
    IPaymentEscrow public immutable ESCROW;
    /// @dev Who names the court, once.
    address private immutable _DEPLOYER;

    /// @notice The court; zero until it is named.
    address public disputes;
    mapping(bytes32 earningsKey => Earnings) private _earned;

    modifier onlyDisputes() {
        if (msg.sender != disputes) revert InferenceMarket_NotDisputes(msg.sender);
        _;
    }

    modifier onlyWorkerOf(JobTerms calldata terms) {
        if (msg.sender != terms.operator && msg.sender != terms.provider) {
            revert InferenceMarket_NotProvider(terms.provider, msg.sender);
        }
        _;
    }

    constructor(
        address deployer,
        address authority,
        IModelRegistry models,
        IProviderRegistry providers,
        IProviderStaking staking,
        IPaymentEscrow escrow,
        Parameters memory initial
    ) MarketParameters(authority, initial) {
        _DEPLOYER = deployer;
        MODELS = models;
        PROVIDERS = providers;
        STAKING = staking;
        ESCROW = escrow;
    }

    /// @inheritdoc IInferenceMarket
    function request(JobRequest calldata job) external returns (uint256 jobId) {
        JobTerms memory terms = _termsOf(job);
        // The ledgers first: the payment's number is part of the id. Neither calls anyone.
        STAKING.lock(terms.provider, terms.stake);
        terms.nonce = ESCROW.hold(terms.token, msg.sender, terms.price);

        jobId = JobId.ofMemory(terms);
        _open(jobId, terms.executionDeadline);

        emit JobRequested(jobId, msg.sender, job.provider, terms, job.inputUri);
    }

    /// @inheritdoc IInferenceMarket
    function submit(
        JobTerms calldata terms,
        bytes32 outputCommitment,
        string calldata outputUri
    ) external onlyWorkerOf(terms) {
        _submit(terms, outputCommitment, outputUri);
    }

    /// @inheritdoc IInferenceMarket
    function submitAndFinaliseDue(
        JobTerms calldata terms,
        bytes32 outputCommitment,
        string calldata outputUri,
        JobTerms[] calldata due
    ) external onlyWorkerOf(terms) {
        _submit(terms, outputCommitment, outputUri);
        _finaliseDue(due);
    }

    /// @inheritdoc IInferenceMarket
    function decline(JobTerms calldata terms) external onlyWorkerOf(terms) {
        _refund(_requireJob(terms, JobStatus.Requested), terms);
        STAKING.release(terms.provider, terms.stake);
    }

    /// @inheritdoc IInferenceMarket
    function expire(JobTerms calldata terms) external {
        _refund(_requireJob(terms, JobStatus.Expired), terms);
        STAKING.release(terms.provider, terms.stake);
    }

    /// @inheritdoc IInferenceMarket
    function finalise(JobTerms calldata terms) external {
        _pay(_requireJob(terms, JobStatus.Finalisable), terms);
    }

    /// @inheritdoc IInferenceMarket
    function finaliseDue(JobTerms[] calldata due) external returns (uint256 paid) {
        return _finaliseDue(due);
    }

    /// @inheritdoc IInferenceMarket
    function openDispute(
        JobTerms calldata terms,
        bytes32 outputCommitment
    ) external onlyDisputes returns (uint256 jobId, uint48 challengeableUntil) {
        jobId = _requireJob(terms, JobStatus.Submitted);
        if (!hasOutput(jobId, outputCommitment)) revert InferenceMarket_OutputMismatch(jobId, outputCommitment);

        challengeableUntil = phaseEndOf(jobId);
        _freeze(jobId);

        emit JobDisputed(jobId, terms.provider, outputCommitment);
    }

    /// @inheritdoc IInferenceMarket
    function closeDispute(JobTerms calldata terms, bool upheld) external onlyDisputes {
        uint256 jobId = _requireJob(terms, JobStatus.Disputed);
        if (upheld) _refund(jobId, terms);
        else _pay(jobId, terms);
    }

    /// @inheritdoc IInferenceMarket
    function collect(EarningsKey calldata key) external {
        bytes32 id = keccak256(abi.encode(key));
        Earnings memory pot = _earned[id];
        if (pot.amount == 0 && pot.stake == 0) revert InferenceMarket_NothingEarned();

        delete _earned[id];
        (uint256 fee, uint256 royalty, uint256 rest) = FeeMath.split(
            pot.amount,
            key.protocolFeeBps,
            MODELS.royaltyOf(key.modelId)
        );
        address payout = PROVIDERS.payoutOf(key.provider);
        address modelOwner = IERC721(address(MODELS)).ownerOf(key.modelId);
        address heir = treasury;

        emit EarningsCollected(
            key.provider,
            key.modelId,
            key.token,
            payout,
            rest.toUint128(),
            modelOwner,
            royalty.toUint128(),
            heir,
            fee.toUint128(),
            pot.stake
        );

        ESCROW.credit(key.token, payout, rest.toUint128());
        ESCROW.credit(key.token, modelOwner, royalty.toUint128());
        ESCROW.credit(key.token, heir, fee.toUint128());
        STAKING.release(key.provider, pot.stake);
    }

    /// @inheritdoc IInferenceMarket
    function linkDisputes(address disputes_) external {
        if (msg.sender != _DEPLOYER) revert InferenceMarket_NotDeployer(msg.sender);
        if (disputes != address(0)) revert InferenceMarket_AlreadyLinked(disputes);
        if (disputes_ == address(0)) revert InferenceMarket_ZeroAddress();

        disputes = disputes_;

        emit DisputesLinked(disputes_);
    }

    /// @inheritdoc IInferenceMarket
    function earnedOf(EarningsKey calldata key) external view returns (Earnings memory) {
        return _earned[keccak256(abi.encode(key))];
    }

    /// @dev The provider's offer turned into terms, if it is within what the client accepts.
    function _termsOf(JobRequest calldata job) private view returns (JobTerms memory terms) {
        Config memory config = _config;
        if (config.paused) revert InferenceMarket_Paused();
        (IProviderRegistry.Offer memory offer, address operator) = PROVIDERS.activeOfferOf(
            job.provider,
            job.modelId,
            job.token
        );
        uint48 deadline = uint48(block.timestamp) + offer.maxDuration;
        uint128 minStake = job.minStake > config.minJobStake ? job.minStake : config.minJobStake;
        if (offer.price > job.maxPrice) revert InferenceMarket_PriceAboveMax(offer.price, job.maxPrice);
        if (offer.stake < minStake) revert InferenceMarket_StakeBelowMin(offer.stake, minStake);
        if (deadline > job.deliverBy) revert InferenceMarket_DeadlineTooLate(deadline, job.deliverBy);

        terms.client = msg.sender;
        terms.provider = job.provider;
        terms.operator = operator;
        terms.modelId = job.modelId;
        terms.inputCommitment = job.inputCommitment;
        terms.token = job.token;
        terms.price = offer.price;
        terms.stake = offer.stake;
        terms.executionDeadline = deadline;
        terms.challengeWindow = config.challengeWindow;
        terms.protocolFeeBps = config.protocolFeeBps;
    }

    function _submit(JobTerms calldata terms, bytes32 outputCommitment, string calldata outputUri) private {
        uint256 jobId = _requireJob(terms, JobStatus.Requested);
        if (outputCommitment == 0) revert InferenceMarket_EmptyOutput();

        uint48 until = uint48(block.timestamp) + terms.challengeWindow;
        _deliver(jobId, outputCommitment, until);

        emit ResultSubmitted(jobId, terms.provider, outputCommitment, until, outputUri);
    }

    function _finaliseDue(JobTerms[] calldata due) private returns (uint256 paid) {
        for (uint256 i = 0; i < due.length; ++i) {
            uint256 jobId = JobId.ofCalldata(due[i]);
            if (!_isFinalisable(jobId)) continue;
            _pay(jobId, due[i]);
            ++paid;
        }
    }

    /// @dev Terminal. Price and lock go to the pot of jobs with the same split; `collect` empties it.
    function _pay(uint256 jobId, JobTerms calldata terms) private {
        _close(jobId);
        Earnings storage pot = _earned[
            keccak256(abi.encode(EarningsKey(terms.provider, terms.modelId, terms.token, terms.protocolFeeBps)))
        ];
        (pot.amount, pot.stake) = (pot.amount + terms.price, pot.stake + terms.stake);

        emit JobPaid(jobId, terms.provider, terms.token, terms.price);
    }

    /// @dev Terminal. The lock is released by the caller, or slashed by the court.
    function _refund(uint256 jobId, JobTerms calldata terms) private {
        _close(jobId);

        emit JobRefunded(jobId, terms.client, terms.token, terms.price);

        ESCROW.credit(terms.token, terms.client, terms.price);
    }
}
