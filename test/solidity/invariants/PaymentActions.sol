// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Observed} from "./Observed.sol";

/// Money into, inside and out of the escrow, in two tokens, and accounts that a token freezes.
abstract contract PaymentActions is Observed {
    mapping(address account => bool) private _sweepable;
    address internal _frozen;
    uint256 internal _frozenToken;

    function deposit(uint256 seed) external acts(seed) {
        (uint256 token, address who, uint128 amount) = _moneyToBring();
        address account = _oneIn(3) ? _anybody() : who;
        bytes memory data = abi.encodeCall(escrow.deposit, (_tokenOf(token), account, amount));
        bool expected = amount > 0 && !_isFrozen(token, who);
        if (_call("escrow.deposit", who, address(escrow), data, expected)) _deposited(token, who, account, amount);
    }

    /// With a permit that is no good: the allowance decides.
    function depositWithPermit(uint256 seed) external acts(seed) {
        (uint256 token, address who, uint128 amount) = _moneyToBring();
        bytes memory data = abi.encodeCall(
            escrow.depositWithPermit,
            (_tokenOf(token), who, amount, block.timestamp, 27, bytes32(seed), bytes32(seed))
        );
        bool expected = amount > 0 && !_isFrozen(token, who);
        if (_call("escrow.depositWithPermit", who, address(escrow), data, expected)) {
            _deposited(token, who, who, amount);
        }
    }

    function withdraw(uint256 seed) external acts(seed) {
        (uint256 token, address who, uint128 amount) = _moneyToMove();
        address to = _oneIn(4) ? _anybody() : who;
        bytes memory data = abi.encodeCall(escrow.withdraw, (_tokenOf(token), to, amount));
        bool expected = amount > 0 && amount <= balance[token][who] && !_isFrozen(token, to);
        _lowers(who);
        if (!_call("escrow.withdraw", who, address(escrow), data, expected)) return;

        _exited();
        _leave(token, who, amount);
        _giveAway(token, who, to, amount);
    }

    function transfer(uint256 seed) external acts(seed) {
        (uint256 token, address who, uint128 amount) = _moneyToMove();
        address to = _anybody();
        bytes memory data = abi.encodeCall(escrow.transfer, (_tokenOf(token), to, amount));
        _lowers(who);
        if (!_call("escrow.transfer", who, address(escrow), data, amount <= balance[token][who])) return;

        _lose(token, who, amount);
        _gain(token, to, amount);
    }

    function allowSweep(uint256 seed) external acts(seed) {
        (, address who, ) = _moneyToMove();
        bool allowed = !_oneIn(4);
        bytes memory data = abi.encodeCall(escrow.allowSweep, (allowed));
        if (_call("escrow.allowSweep", who, address(escrow), data, true)) _sweepable[who] = allowed;
    }

    function sweep(uint256 seed) external acts(seed) {
        uint256 token = _roll(2);
        address account = _whoAllowsSweeps(token);
        uint256 amount = balance[token][account];
        bool expected = _sweepable[account] && amount > 0 && !_isFrozen(token, account);
        bytes memory data = abi.encodeCall(escrow.sweep, (_tokenOf(token), account));
        _lowers(account);
        if (!_call("escrow.sweep", _anybody(), address(escrow), data, expected)) return;

        _exited();
        _leave(token, account, amount);
    }

    /// A token's issuer freezes an account, or frees the one it froze before.
    function freeze(uint256 seed) external acts(seed) {
        if (frozenAccounts > 0) return _free();
        (_frozenToken, _frozen, frozenAccounts) = (_roll(2), _anybody(), 1);
        tokens[_frozenToken].setBlocked(_frozen, true);
    }

    function _free() internal {
        if (frozenAccounts > 0) tokens[_frozenToken].setBlocked(_frozen, false);
        frozenAccounts = 0;
    }

    function _isFrozen(uint256 token, address account) internal view returns (bool) {
        return frozenAccounts > 0 && _frozenToken == token && _frozen == account;
    }

    /// New tokens in an account's wallet, and the right to spend them.
    function _bring(uint256 token, address who, address spender, uint256 amount) internal {
        owned[token][who] += amount;
        if (_isFrozen(token, who)) tokens[token].setBlocked(who, false);
        _fund(tokens[token], who, spender, amount);
        if (_isFrozen(token, who)) tokens[token].setBlocked(who, true);
    }

    function _giveAway(uint256 token, address from, address to, uint256 amount) internal {
        owned[token][from] -= amount;
        owned[token][to] += amount;
    }

    function _deposited(uint256 token, address who, address account, uint256 amount) private {
        _giveAway(token, who, account, amount);
        _enter(token, account, amount);
    }

    function _moneyToBring() private returns (uint256 token, address who, uint128 amount) {
        (token, who) = (_roll(2), _oneIn(2) ? _pick(_clients) : _anybody());
        amount = _oneIn(10) ? 0 : uint128(_roll(50e18));
        _bring(token, who, address(escrow), amount);
    }

    function _whoAllowsSweeps(uint256 token) private returns (address account) {
        account = _anybody();
        for (uint256 i = 0; i < people.length && !_oneIn(20); ++i) {
            if (_sweepable[people[i]] && balance[token][people[i]] > 0) return people[i];
        }
    }

    /// A part of somebody's balance, all of it, or a little too much.
    function _moneyToMove() private returns (uint256 token, address who, uint128 amount) {
        (token, who) = (_roll(2), _anybody());
        for (uint256 i = 0; i < people.length && balance[token][who] == 0; ++i) who = _anybody();
        uint256 all = balance[token][who];
        uint256 part = _roll(8);
        amount = uint128(
            part == 0
                ? all
                : part == 1
                    ? all + 1
                    : _roll(all / 4 + 1)
        );
    }
}
