// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAuditOffice} from "../interfaces/IAuditOffice.sol";
import {IDisputeManager} from "../interfaces/IDisputeManager.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IPaymentEscrow} from "../interfaces/IPaymentEscrow.sol";
import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";
import {IProviderStaking} from "../interfaces/IProviderStaking.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title Who may audit a model
/// @notice A ticket is a lock of stake. It is one lot in every draw, so that auditors are drawn by what they have locked,
/// and it stands behind one open audit at a time. There is no list of members to walk or to crowd out of: each
/// auditor's turn follows from its own tickets and the seed (`AuditOffice.turnOf`), whoever comes or goes.
abstract contract AuditorPool is IAuditOffice {
    using SafeERC20 for IERC20;

    /// @notice Most tickets of one auditor for one model: a turn takes a hash for each.
    uint8 public constant MAX_TICKETS = 8;

    IModelRegistry public immutable MODELS;
    IDisputeManager public immutable DISPUTES;
    IPaymentEscrow public immutable ESCROW;
    IProviderRegistry public immutable PROVIDERS;
    IProviderStaking public immutable STAKING;
    IERC20 public immutable STAKE_TOKEN;
    /// @notice What an auditor loses that does not reveal, or confirms what is proven wrong.
    uint128 public immutable TICKET_LOCK;

    /// @inheritdoc IAuditOffice
    mapping(uint256 modelId => uint256) public ticketsOf;
    mapping(uint256 modelId => mapping(address auditor => Membership)) internal _memberships;

    modifier onlyKeyOf(address account) {
        _requireKeyOf(account);
        _;
    }

    constructor(
        IModelRegistry models,
        IDisputeManager disputes,
        IPaymentEscrow escrow,
        IProviderRegistry providers,
        IProviderStaking staking,
        uint128 ticketLock
    ) {
        (MODELS, DISPUTES, ESCROW, PROVIDERS, STAKING) = (models, disputes, escrow, providers, staking);
        STAKE_TOKEN = staking.STAKE_TOKEN();
        TICKET_LOCK = ticketLock;
        STAKE_TOKEN.forceApprove(address(escrow), type(uint256).max);
    }

    /// @inheritdoc IAuditOffice
    function enrol(uint256 modelId, address auditor, uint8 tickets) external onlyKeyOf(auditor) {
        if (tickets == 0) revert AuditOffice_ZeroAmount();
        _requireExact(modelId);
        if (PROVIDERS.offerCountOf(auditor, modelId) == 0) revert AuditOffice_NoOffer(auditor, modelId);
        Membership storage member = _memberships[modelId][auditor];
        uint256 total = uint256(member.tickets) + tickets;
        if (total > MAX_TICKETS) revert AuditOffice_TooManyTickets(total, MAX_TICKETS);

        // Also the old tickets start anew: whoever adds some must not know a seed that they already count for.
        (member.tickets, member.since) = (uint8(total), uint48(block.timestamp));
        ticketsOf[modelId] += tickets;

        emit AuditorEnrolled(modelId, auditor, uint8(total));

        STAKING.lock(auditor, tickets * TICKET_LOCK);
    }

    /// @inheritdoc IAuditOffice
    function leave(uint256 modelId, address auditor) external onlyKeyOf(auditor) {
        Membership storage member = _memberships[modelId][auditor];
        uint8 freed = member.tickets - member.busy;
        if (freed == 0) revert AuditOffice_NoTicketFree(modelId, auditor);

        member.tickets = member.busy;
        ticketsOf[modelId] -= freed;

        emit AuditorLeft(modelId, auditor, freed, member.busy);

        STAKING.release(auditor, freed * TICKET_LOCK);
    }

    /// @inheritdoc IAuditOffice
    function membershipOf(uint256 modelId, address auditor) external view returns (Membership memory) {
        return _memberships[modelId][auditor];
    }

    /// @dev Puts a ticket behind an audit.
    function _takeTicket(uint256 modelId, address auditor) internal {
        Membership storage member = _memberships[modelId][auditor];
        if (member.busy >= member.tickets) revert AuditOffice_NoTicketFree(modelId, auditor);
        member.busy += 1;
    }

    /// @dev Ends the audit behind which a ticket stands.
    function _freeTicket(uint256 modelId, address auditor) internal {
        _memberships[modelId][auditor].busy -= 1;
    }

    /// @dev Takes a ticket that stands behind no audit; nothing if there is none.
    function _loseTicket(uint256 modelId, address auditor, uint256 jobId) internal {
        Membership storage member = _memberships[modelId][auditor];
        if (member.tickets == member.busy) return;

        member.tickets -= 1;
        ticketsOf[modelId] -= 1;

        uint128 amount = STAKING.slash(auditor, TICKET_LOCK, TICKET_LOCK, address(this));
        emit TicketLost(modelId, auditor, jobId, amount);
        if (amount > 0) ESCROW.deposit(address(STAKE_TOKEN), DISPUTES.treasury(), amount);
    }

    /// @dev Honest traces are alike to the byte only where the proof court judges: elsewhere equal roots would prove
    /// nothing, and different ones neither.
    function _requireExact(uint256 modelId) internal view {
        IModelRegistry.Profile profile = MODELS.factsOf(modelId).profile;
        if (profile != IModelRegistry.Profile.Exact && profile != IModelRegistry.Profile.Canonical) {
            revert AuditOffice_NoExactBytes(modelId, profile);
        }
    }

    function _requireKeyOf(address account) private view {
        if (msg.sender != account && msg.sender != PROVIDERS.operatorOf(account)) {
            revert AuditOffice_NotAllowed(account, msg.sender);
        }
    }
}
