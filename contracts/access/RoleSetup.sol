// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {IValueCaps} from "../interfaces/IValueCaps.sol";

/// @title Gives out the roles of a new AccessManager and keeps none
/// @notice The manager's initial admin. One call sets every role and renounces, so that the account that deploys has
/// no power over roles afterwards unless it is the admin itself, which acts with a delay.
contract RoleSetup {
    uint64 public constant ADMIN_ROLE = 0;
    /// @notice Moves parameters of new jobs, after a delay.
    uint64 public constant PARAMETERS_ROLE = 1;
    /// @notice Pauses new jobs, at once.
    uint64 public constant GUARDIAN_ROLE = 2;

    address private immutable _DEPLOYER;

    error RoleSetup_NotDeployer(address caller);
    error RoleSetup_ZeroAddress();

    constructor() {
        _DEPLOYER = msg.sender;
    }

    /// @notice Sets all roles over a market and its value caps. Only the deployer; a second call has no power left.
    /// @param admin Grants and revokes roles and moves parameters, both after `delay`.
    /// @param guardian Pauses new jobs.
    function setUp(
        IAccessManager authority,
        address market,
        address valueCaps,
        address admin,
        address guardian,
        uint32 delay
    ) external {
        if (msg.sender != _DEPLOYER) revert RoleSetup_NotDeployer(msg.sender);
        if (admin == address(0) || guardian == address(0)) revert RoleSetup_ZeroAddress();

        authority.setTargetFunctionRole(market, _parameterFunctions(), PARAMETERS_ROLE);
        authority.setTargetFunctionRole(market, _guardianFunctions(), GUARDIAN_ROLE);
        authority.setTargetFunctionRole(valueCaps, _capFunctions(), PARAMETERS_ROLE);
        authority.grantRole(PARAMETERS_ROLE, admin, delay);
        authority.grantRole(GUARDIAN_ROLE, guardian, 0);
        authority.grantRole(ADMIN_ROLE, admin, delay);
        authority.renounceRole(ADMIN_ROLE, address(this));
    }

    function _parameterFunctions() private pure returns (bytes4[] memory selectors) {
        selectors = new bytes4[](5);
        selectors[0] = IInferenceMarket.unpause.selector;
        selectors[1] = IInferenceMarket.setProtocolFee.selector;
        selectors[2] = IInferenceMarket.setChallengeWindow.selector;
        selectors[3] = IInferenceMarket.setMinJobStake.selector;
        selectors[4] = IInferenceMarket.setTreasury.selector;
    }

    function _guardianFunctions() private pure returns (bytes4[] memory selectors) {
        selectors = new bytes4[](1);
        selectors[0] = IInferenceMarket.pause.selector;
    }

    function _capFunctions() private pure returns (bytes4[] memory selectors) {
        selectors = new bytes4[](1);
        selectors[0] = IValueCaps.setCap.selector;
    }
}
