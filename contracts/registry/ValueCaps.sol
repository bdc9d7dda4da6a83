// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IValueCaps} from "../interfaces/IValueCaps.sol";

/// @title The most that a job may cost, by how its result is judged
contract ValueCaps is IValueCaps, AccessManaged {
    mapping(IModelRegistry.Profile profile => mapping(address token => uint128)) private _caps;

    /// @param initial Caps that hold from the start, without the delay of the parameter role.
    constructor(address authority, Cap[] memory initial) AccessManaged(authority) {
        for (uint256 i = 0; i < initial.length; ++i) _setCap(initial[i].profile, initial[i].token, initial[i].cap);
    }

    /// @inheritdoc IValueCaps
    function setCap(IModelRegistry.Profile profile, address token, uint128 cap) external restricted {
        _setCap(profile, token, cap);
    }

    /// @inheritdoc IValueCaps
    function capOf(IModelRegistry.Profile profile, address token) external view returns (uint128) {
        return _isProvenExactly(profile) ? type(uint128).max : _caps[profile][token];
    }

    function _setCap(IModelRegistry.Profile profile, address token, uint128 cap) private {
        if (profile == IModelRegistry.Profile.None || _isProvenExactly(profile)) revert ValueCaps_NotCapped(profile);
        if (token == address(0)) revert ValueCaps_ZeroAddress();

        _caps[profile][token] = cap;

        emit ValueCapSet(profile, token, cap);
    }

    function _isProvenExactly(IModelRegistry.Profile profile) private pure returns (bool) {
        return profile == IModelRegistry.Profile.Exact || profile == IModelRegistry.Profile.Canonical;
    }
}
