// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IInferenceMarket} from "../../../contracts/interfaces/IInferenceMarket.sol";
import {IModelRegistry} from "../../../contracts/interfaces/IModelRegistry.sol";
import {IPaymentEscrow} from "../../../contracts/interfaces/IPaymentEscrow.sol";
import {IProviderRegistry} from "../../../contracts/interfaces/IProviderRegistry.sol";
import {IProviderStaking} from "../../../contracts/interfaces/IProviderStaking.sol";

/// `MarketFactory` as the tests see it: the contract itself would bring the market's code along.
interface IMarketFactory {
    function market() external view returns (address);
    function deploy(
        address authority,
        IModelRegistry models,
        IProviderRegistry providers,
        IProviderStaking staking,
        IPaymentEscrow escrow,
        IInferenceMarket.Parameters calldata initial
    ) external returns (IInferenceMarket);
}
