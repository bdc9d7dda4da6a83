// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IPaymentEscrow} from "../interfaces/IPaymentEscrow.sol";
import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";
import {IProviderStaking} from "../interfaces/IProviderStaking.sol";
import {InferenceMarket} from "./InferenceMarket.sol";

/// @title Deploys the market at an address that is known beforehand
/// @notice The market and its ledgers name each other, and both names are immutable: the first contract this one
/// creates has an address that follows from its own (RLP of address and nonce 1).
contract MarketFactory {
    /// @notice Where the market is or will be.
    // solhint-disable-next-line immutable-vars-naming
    address public immutable market;
    address private immutable _DEPLOYER;

    error MarketFactory_NotDeployer(address caller);
    error MarketFactory_AlreadyDeployed(address market);

    constructor() {
        _DEPLOYER = msg.sender;
        market = address(uint160(uint256(keccak256(abi.encodePacked(hex"d694", address(this), hex"01")))));
    }

    /// @notice Creates the market. Only the deployer, once.
    function deploy(
        address authority,
        IModelRegistry models,
        IProviderRegistry providers,
        IProviderStaking staking,
        IPaymentEscrow escrow,
        IInferenceMarket.Parameters calldata initial
    ) external returns (InferenceMarket) {
        if (msg.sender != _DEPLOYER) revert MarketFactory_NotDeployer(msg.sender);
        if (market.code.length != 0) revert MarketFactory_AlreadyDeployed(market);
        return new InferenceMarket(msg.sender, authority, models, providers, staking, escrow, initial);
    }
}
