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
import {Ruling} from "../types/DisputeTypes.sol";
import {JobTerms} from "../types/JobTypes.sol";
import {BASIS_POINTS} from "../types/Limits.sol";

/// @title Where the money of a case goes
/// @notice Slash and bond of each case are split once, by its ruling.
abstract contract CaseSettlement is IDisputeManager {
    using FeeMath for uint128;
    using SafeERC20 for IERC20;

    /// @dev The case about a job as it is kept: one slot until an arbiter is paid. Its arbiter and bond are those of its
    /// profile, which never change; what it can slash is the stake of its job's terms.
    struct Record {
        address challenger;
        uint48 openedAt;
        uint32 caseId;
        Ruling ruling;
        IModelRegistry.Profile profile;
        uint128 arbiterReward;
    }

    /// @dev Who judges a profile, and whether for a reward.
    struct Appointment {
        IArbiter arbiter;
        bool isPaid;
    }

    /// @notice Shares of a slash. A cheat may be its own finder and its own jury, and must still lose:
    /// FINDER_BPS + ARBITER_BPS < 100 %, asserted in the constructor. The rest goes to the treasury.
    uint16 public constant FINDER_BPS = 4_000;
    uint16 public constant ARBITER_BPS = 2_000;
    /// @notice Most of a lost bond that pays the arbiter; the rest compensates the provider. An arbiter that is paid gets
    /// the smaller of its shares of slash and bond whichever way it rules: what it earns must not depend on what it says.
    uint16 public constant BOND_ARBITER_BPS = 5_000;

    IInferenceMarket public immutable MARKET;
    IPaymentEscrow public immutable ESCROW;
    IProviderStaking public immutable STAKING;
    /// @notice Token of stakes, bonds and rewards.
    IERC20 public immutable STAKE_TOKEN;

    mapping(uint256 jobId => Record) internal _records;
    mapping(IModelRegistry.Profile profile => Appointment) internal _appointments;

    constructor(IInferenceMarket market, IPaymentEscrow escrow, IProviderStaking staking) {
        if (FINDER_BPS + ARBITER_BPS >= BASIS_POINTS) {
            revert DisputeManager_SelfSlashProfitable(FINDER_BPS + ARBITER_BPS);
        }
        (MARKET, ESCROW, STAKING) = (market, escrow, staking);
        STAKE_TOKEN = staking.STAKE_TOKEN();
        STAKE_TOKEN.forceApprove(address(escrow), type(uint256).max);
    }

    /// @inheritdoc IDisputeManager
    function treasury() public view returns (address) {
        return MARKET.treasury();
    }

    function _settleUpheld(uint256 caseId, Case memory case_, JobTerms calldata terms, address finder) internal {
        uint128 slashed = STAKING.slash(terms.provider, terms.stake, terms.stake, address(this));
        uint128 finderReward = slashed.share(FINDER_BPS);
        uint128 arbiterReward = _rewardArbiter(case_, slashed);
        uint128 treasuryAmount = slashed - finderReward - arbiterReward;

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
        _credit(case_.challenger, case_.bond);
    }

    function _settleRejected(uint256 caseId, Case memory case_, JobTerms calldata terms) internal {
        uint128 arbiterReward = _rewardArbiter(case_, terms.stake);
        uint128 toProvider = case_.bond - arbiterReward;

        emit CaseResolved(caseId, case_.jobId, Ruling.Rejected, address(0), 0, arbiterReward, 0, 0, toProvider, 0);

        _credit(address(case_.arbiter), arbiterReward);
        _credit(terms.provider, toProvider);
    }

    function _settleInconclusive(uint256 caseId, Case memory case_) internal {
        emit CaseResolved(caseId, case_.jobId, Ruling.Inconclusive, address(0), 0, 0, 0, case_.bond, 0, 0);

        _credit(case_.challenger, case_.bond);
    }

    /// @dev Writes down what the arbiter may share out: nothing if nobody there works for it.
    function _rewardArbiter(Case memory case_, uint128 slash) private returns (uint128 reward) {
        if (!_appointments[case_.profile].isPaid) return 0;
        reward = uint128(Math.min(case_.bond.share(BOND_ARBITER_BPS), slash.share(ARBITER_BPS)));
        _records[case_.jobId].arbiterReward = reward;
    }

    function _deposit(address account, uint128 amount) private {
        if (amount > 0) ESCROW.deposit(address(STAKE_TOKEN), account, amount);
    }

    function _credit(address account, uint128 amount) private {
        if (amount > 0) ESCROW.credit(address(STAKE_TOKEN), account, amount);
    }
}
