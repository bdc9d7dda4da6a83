// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title A ledger that obeys the market and a few contracts named once
/// @notice The market's address is immutable, so that the hot path reads no storage. The courts, which are deployed
/// after the ledger, are named once by the deployer, who has no other power.
abstract contract Controlled {
    /// @notice The market, known before it is deployed (`MarketFactory`).
    address public immutable MARKET;
    /// @dev Who may name the other controllers, once.
    address private immutable _DEPLOYER;

    bool private _linked;
    mapping(address account => bool) private _controllers;

    /// @notice The other controllers were named, for good.
    event ControllersSet(address[] controllers);

    error Controlled_NotController(address caller);
    error Controlled_NotDeployer(address caller);
    error Controlled_AlreadyLinked();
    error Controlled_NoCode(address controller);
    error Controlled_ZeroMarket();

    modifier onlyController() {
        if (!isController(msg.sender)) revert Controlled_NotController(msg.sender);
        _;
    }

    constructor(address market) {
        if (market == address(0)) revert Controlled_ZeroMarket();
        MARKET = market;
        _DEPLOYER = msg.sender;
    }

    /// @notice Names every controller besides the market. Only the deployer, once.
    function setControllers(address[] calldata controllers) external {
        if (msg.sender != _DEPLOYER) revert Controlled_NotDeployer(msg.sender);
        if (_linked) revert Controlled_AlreadyLinked();

        _linked = true;
        for (uint256 i = 0; i < controllers.length; ++i) {
            if (controllers[i].code.length == 0) revert Controlled_NoCode(controllers[i]);
            _controllers[controllers[i]] = true;
        }

        emit ControllersSet(controllers);
    }

    /// @notice Whether an account may move what the ledger holds for others.
    function isController(address account) public view returns (bool) {
        return account == MARKET || _controllers[account];
    }
}
