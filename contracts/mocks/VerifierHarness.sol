// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IOperatorVerifier} from "../interfaces/IOperatorVerifier.sol";

/// @notice Puts many claims before a verifier at once.
contract VerifierHarness {
    uint8 private constant STANDS = 0;
    uint8 private constant CONTRADICTED = 1;
    uint8 private constant NOT_JUDGED = 2;
    /// @dev EIP-7825.
    uint256 private constant TRANSACTION_GAS = 1 << 24;

    /// @notice Verdict and gas of each call, which is an encoded `contradicts`. The first call to an address costs
    /// 2,500 gas more: `warm` makes it before.
    function judge(
        IOperatorVerifier verifier,
        bytes[] calldata calls
    ) external view returns (uint8[] memory verdicts, uint256[] memory used) {
        verdicts = new uint8[](calls.length);
        used = new uint256[](calls.length);
        (bool success, ) = address(verifier).staticcall("");
        assert(!success);
        for (uint256 i; i < calls.length; ++i) (verdicts[i], used[i]) = _judge(address(verifier), calls[i]);
    }

    /// @notice As `judge`, and again with byte `places[i]` of call i changed by exclusive or with `masks[i]`.
    function judgeTwice(
        IOperatorVerifier verifier,
        bytes[] calldata calls,
        uint256[] calldata places,
        bytes1[] calldata masks
    ) external view returns (uint8[] memory honest, uint8[] memory changed) {
        honest = new uint8[](calls.length);
        changed = new uint8[](calls.length);
        for (uint256 i; i < calls.length; ++i) {
            bytes memory data = calls[i];
            (honest[i], ) = _judge(address(verifier), data);
            data[places[i]] ^= masks[i];
            (changed[i], ) = _judge(address(verifier), data);
        }
    }

    /// @notice What each call, which is an encoded `contradicts`, is refused with within the gas of a transaction.
    function refusals(
        IOperatorVerifier verifier,
        bytes[] calldata calls
    ) external view returns (bool[] memory refused, bytes[] memory reasons) {
        refused = new bool[](calls.length);
        reasons = new bytes[](calls.length);
        for (uint256 i; i < calls.length; ++i) {
            (bool success, bytes memory answer) = address(verifier).staticcall{gas: TRANSACTION_GAS}(calls[i]);
            if (!success) (refused[i], reasons[i]) = (true, answer);
        }
    }

    function _judge(address verifier, bytes memory data) private view returns (uint8 verdict, uint256 used) {
        used = gasleft();
        bool success;
        uint256 answer;
        assembly ("memory-safe") {
            success := staticcall(gas(), verifier, add(data, 32), mload(data), 0, 32)
            answer := mload(0)
        }
        used -= gasleft();
        if (!success) return (NOT_JUDGED, used);
        return (answer == 0 ? STANDS : CONTRADICTED, used);
    }
}
