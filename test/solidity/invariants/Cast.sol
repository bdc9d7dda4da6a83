// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AssayFixture} from "../support/AssayFixture.sol";
import {ProbeToken} from "../support/ProbeToken.sol";

/// Who acts in the campaign, and the dice that decide what they do.
abstract contract Cast is AssayFixture {
    uint256 internal constant STAKE = 0;
    uint256 internal constant PAY = 1;

    ProbeToken[2] public tokens;
    address[] internal _clients;
    /// Providers are jurors too.
    address[] internal _provs;
    address[] internal _operators;
    address[] internal _challengers;
    address[] internal _owners;
    address[] internal _treasuries;
    address internal _stranger;
    /// All of the above, each once.
    address[] public people;

    mapping(address person => uint256) private _keys;
    uint256 private _dice;
    bool internal _draining;

    function _castPeople() internal {
        _cast(_clients, "client", 3);
        _cast(_provs, "provider", 6);
        _cast(_operators, "operator", 6);
        _cast(_challengers, "challenger", 2);
        _cast(_owners, "owner", 2);
        _stranger = _enter("stranger");
        _treasuries.push(_enter("treasury"));
        _treasuries.push(_enter("treasury2"));
    }

    function peopleCount() external view returns (uint256) {
        return people.length;
    }

    /// Everything an action decides follows from its one fuzzed number.
    function _throwDice(uint256 seed) internal {
        _dice = seed;
    }

    /// A number below `sides`.
    function _roll(uint256 sides) internal returns (uint256) {
        _dice = uint256(keccak256(abi.encode(_dice)));
        return _dice % sides;
    }

    function _oneIn(uint256 chances) internal returns (bool) {
        return _roll(chances) == 0;
    }

    function _pick(address[] storage from) internal returns (address) {
        return from[_roll(from.length)];
    }

    function _anybody() internal returns (address) {
        return _pick(people);
    }

    /// Whoever makes the calls that anyone may make: a stranger while the system is drained.
    function _passerBy() internal returns (address) {
        return _draining ? _stranger : _anybody();
    }

    /// Mostly the one who may, sometimes whoever comes along.
    function _mostly(address who) internal returns (address) {
        return _oneIn(10) ? _anybody() : who;
    }

    /// As a wallet signs.
    function _signature(address signer, bytes32 digest) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_keys[signer], digest);
        return abi.encodePacked(r, s, v);
    }

    function _cast(address[] storage group, string memory role, uint256 count) private {
        for (uint256 i = 0; i < count; ++i) {
            group.push(_enter(string.concat(role, vm.toString(i))));
        }
    }

    function _enter(string memory name) private returns (address who) {
        who = _person(name);
        _keys[who] = _keyOf(name);
        people.push(who);
    }
}
