// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {MAX_CHALLENGE_WINDOW, MAX_PROTOCOL_FEE_BPS, MIN_CHALLENGE_WINDOW} from "../types/Limits.sol";

/// @title What people may change: parameters of new jobs, inside bounds, after a delay
/// @notice Open jobs keep the terms they were requested with.
abstract contract MarketParameters is IInferenceMarket, AccessManaged {
    /// @dev One slot, read once a request.
    struct Config {
        bool paused;
        uint16 protocolFeeBps;
        uint32 challengeWindow;
        uint128 minJobStake;
    }

    Config internal _config;
    /// @inheritdoc IInferenceMarket
    address public treasury;

    constructor(address authority, Parameters memory initial) AccessManaged(authority) {
        _setProtocolFee(initial.protocolFeeBps);
        _setChallengeWindow(initial.challengeWindow);
        _setMinJobStake(initial.minJobStake);
        _setTreasury(initial.treasury);
    }

    /// @inheritdoc IInferenceMarket
    function pause() external restricted {
        _setPaused(true);
    }

    /// @inheritdoc IInferenceMarket
    function unpause() external restricted {
        _setPaused(false);
    }

    /// @inheritdoc IInferenceMarket
    function setProtocolFee(uint16 protocolFeeBps) external restricted {
        _setProtocolFee(protocolFeeBps);
    }

    /// @inheritdoc IInferenceMarket
    function setChallengeWindow(uint32 challengeWindow) external restricted {
        _setChallengeWindow(challengeWindow);
    }

    /// @inheritdoc IInferenceMarket
    function setMinJobStake(uint128 minJobStake) external restricted {
        _setMinJobStake(minJobStake);
    }

    /// @inheritdoc IInferenceMarket
    function setTreasury(address account) external restricted {
        _setTreasury(account);
    }

    /// @inheritdoc IInferenceMarket
    function parameters()
        external
        view
        returns (bool paused, uint16 protocolFeeBps, uint32 challengeWindow, uint128 minJobStake)
    {
        Config memory config = _config;
        return (config.paused, config.protocolFeeBps, config.challengeWindow, config.minJobStake);
    }

    function _setPaused(bool paused) private {
        _config.paused = paused;
        emit PauseChanged(paused);
    }

    function _setProtocolFee(uint16 protocolFeeBps) private {
        if (protocolFeeBps > MAX_PROTOCOL_FEE_BPS) {
            revert InferenceMarket_FeeAboveCap(protocolFeeBps, MAX_PROTOCOL_FEE_BPS);
        }
        _config.protocolFeeBps = protocolFeeBps;
        emit ProtocolFeeChanged(protocolFeeBps);
    }

    function _setChallengeWindow(uint32 challengeWindow) private {
        if (challengeWindow < MIN_CHALLENGE_WINDOW || challengeWindow > MAX_CHALLENGE_WINDOW) {
            revert InferenceMarket_WindowOutOfBounds(challengeWindow, MIN_CHALLENGE_WINDOW, MAX_CHALLENGE_WINDOW);
        }
        _config.challengeWindow = challengeWindow;
        emit ChallengeWindowChanged(challengeWindow);
    }

    function _setMinJobStake(uint128 minJobStake) private {
        _config.minJobStake = minJobStake;
        emit MinJobStakeChanged(minJobStake);
    }

    function _setTreasury(address account) private {
        if (account == address(0)) revert InferenceMarket_ZeroAddress();
        treasury = account;
        emit TreasuryChanged(account);
    }
}
