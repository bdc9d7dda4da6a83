// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IModelRegistry} from "./IModelRegistry.sol";

/// @title The most that a job may cost, by how its result is judged
/// @notice Results of the profiles `Exact` and `Canonical` are proven to the bit: their jobs may cost anything. What the
/// court judges within a bound (`Tolerance`) or a jury by majority (`Jury`) is worth no more than a cap, which is zero
/// in every token for which nobody set one. Amounts of different tokens cannot be compared: each has a cap of its own.
interface IValueCaps {
    /// @notice A cap, in units of its token.
    struct Cap {
        IModelRegistry.Profile profile;
        address token;
        uint128 cap;
    }

    /// @notice The cap of a profile in a token changed, for offers set from here on.
    event ValueCapSet(IModelRegistry.Profile indexed profile, address indexed token, uint128 cap);

    error ValueCaps_NotCapped(IModelRegistry.Profile profile);
    error ValueCaps_ZeroAddress();

    /// @notice Sets the most that one job of a profile may cost in a token. Only the parameter role, after its delay.
    /// @param profile `Tolerance` or `Jury`: the others have no cap.
    function setCap(IModelRegistry.Profile profile, address token, uint128 cap) external;

    /// @notice The most that one job of a profile may cost in a token; the greatest number if there is no limit.
    function capOf(IModelRegistry.Profile profile, address token) external view returns (uint128);
}
