// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAuditOffice} from "../interfaces/IAuditOffice.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {JobId} from "../libraries/JobId.sol";
import {JobStatus, JobTerms} from "../types/JobTypes.sol";
import {AuditorPool} from "./AuditorPool.sol";

/// @title What audits are paid from
/// @notice A fund for each model, and bookings of single jobs. Pay is set aside when an audit begins; without it none
/// does. Nobody withdraws: what is not earned goes back to the fund or to who booked.
abstract contract AuditFunds is AuditorPool {
    IInferenceMarket public immutable MARKET;
    /// @notice What one audit pays, in the stake token.
    uint128 public immutable AUDIT_PAY;

    /// @inheritdoc IAuditOffice
    mapping(uint256 modelId => uint128) public fundOf;
    /// @inheritdoc IAuditOffice
    mapping(uint256 jobId => address) public bookerOf;

    constructor(IInferenceMarket market, uint128 auditPay) {
        (MARKET, AUDIT_PAY) = (market, auditPay);
    }

    /// @inheritdoc IAuditOffice
    function fund(uint256 modelId, uint128 amount) external {
        if (amount == 0) revert AuditOffice_ZeroAmount();
        _requireExact(modelId);

        fundOf[modelId] += amount;

        emit FundAdded(modelId, msg.sender, amount);

        _hold(amount);
    }

    /// @inheritdoc IAuditOffice
    function book(JobTerms calldata terms) external {
        uint256 jobId = JobId.ofCalldata(terms);
        _requireExact(terms.modelId);
        uint256 required = _sureWindow();
        if (terms.challengeWindow < required) revert AuditOffice_WindowTooShort(terms.challengeWindow, required);
        if (!_mayBeAudited(jobId)) revert AuditOffice_WrongStatus(jobId);
        if (_hasAudit(jobId)) revert AuditOffice_AlreadyAudited(jobId);
        if (bookerOf[jobId] != address(0)) revert AuditOffice_AlreadyBooked(jobId);

        bookerOf[jobId] = msg.sender;

        emit AuditBooked(jobId, msg.sender, AUDIT_PAY);

        _hold(AUDIT_PAY);
    }

    /// @inheritdoc IAuditOffice
    function refundBooking(uint256 jobId) external {
        address booker = bookerOf[jobId];
        if (booker == address(0)) revert AuditOffice_NotBooked(jobId);
        if (_mayBeAudited(jobId)) revert AuditOffice_WrongStatus(jobId);

        delete bookerOf[jobId];

        emit BookingRefunded(jobId, booker, AUDIT_PAY);

        _creditPay(booker);
    }

    /// @dev Sets the pay of an audit aside: what was booked, or a part of the model's fund.
    /// @return booker Who paid; zero for the fund.
    function _reservePay(uint256 jobId, uint256 modelId) internal returns (address booker) {
        booker = bookerOf[jobId];
        if (booker != address(0)) {
            delete bookerOf[jobId];
            return booker;
        }
        uint128 available = fundOf[modelId];
        if (available < AUDIT_PAY) revert AuditOffice_FundEmpty(modelId, available, AUDIT_PAY);
        fundOf[modelId] = available - AUDIT_PAY;
    }

    /// @dev Gives back what no auditor earned.
    function _returnPay(address booker, uint256 modelId) internal {
        if (booker == address(0)) fundOf[modelId] += AUDIT_PAY;
        else _creditPay(booker);
    }

    function _creditPay(address account) internal {
        ESCROW.credit(address(STAKE_TOKEN), account, AUDIT_PAY);
    }

    /// @dev From the commitment to the end of the time to challenge.
    function _longestAudit() internal view virtual returns (uint256);

    /// @dev The shortest challenge window of which there is time for an audit whenever the job is submitted.
    function _sureWindow() internal view virtual returns (uint256);

    function _hasAudit(uint256 jobId) internal view virtual returns (bool);

    function _hold(uint128 amount) private {
        ESCROW.hold(address(STAKE_TOKEN), msg.sender, amount);
    }

    function _mayBeAudited(uint256 jobId) private view returns (bool) {
        JobStatus status = MARKET.statusOf(jobId);
        if (status == JobStatus.Requested) return true;
        if (status != JobStatus.Submitted && status != JobStatus.Disputed) return false;
        return block.timestamp + _longestAudit() <= MARKET.phaseEndOf(jobId);
    }
}
