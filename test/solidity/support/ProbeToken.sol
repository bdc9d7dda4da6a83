// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DevToken} from "../../../contracts/mocks/DevToken.sol";

/// Looks at the system in the middle of a transfer.
interface ITransferProbe {
    function onTransfer(address from, address to) external;
}

/// A token whose issuer can freeze accounts and whose every transfer calls a probe.
contract ProbeToken is DevToken {
    mapping(address account => bool) public blocked;
    ITransferProbe private _probe;

    error ProbeToken_Blocked(address account);

    constructor(string memory name_, string memory symbol_) DevToken(name_, symbol_) {}

    function setBlocked(address account, bool blocked_) external {
        blocked[account] = blocked_;
    }

    function setProbe(ITransferProbe probe) external {
        _probe = probe;
    }

    function _update(address from, address to, uint256 value) internal override {
        if (from != address(0) && blocked[from]) revert ProbeToken_Blocked(from);
        if (blocked[to]) revert ProbeToken_Blocked(to);
        super._update(from, to, value);
        if (from != address(0) && address(_probe) != address(0)) _probe.onTransfer(from, to);
    }
}
