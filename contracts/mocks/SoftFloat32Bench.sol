// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Accumulator} from "../disputes/verifiers/ExactAccumulator.sol";
import {F32} from "../disputes/verifiers/SoftFloat32.sol";
import {FloatChain} from "../libraries/FloatChain.sol";
import {FloatSums} from "../libraries/FloatSums.sol";

/// @notice What operations cost where a verifier uses them: inlined, operands on the stack.
contract SoftFloat32Bench {
    /// @dev What reading the gas twice costs by itself.
    uint256 private constant METER = 2;

    function add(F32[] calldata a, F32[] calldata b) external view returns (uint256 gas, F32 r) {
        for (uint256 i; i < a.length; ++i) {
            (F32 x, F32 y) = (a[i], b[i]);
            uint256 before = gasleft();
            r = x.add(y);
            gas += before - gasleft() - METER;
        }
    }

    function mul(F32[] calldata a, F32[] calldata b) external view returns (uint256 gas, F32 r) {
        for (uint256 i; i < a.length; ++i) {
            (F32 x, F32 y) = (a[i], b[i]);
            uint256 before = gasleft();
            r = x.mul(y);
            gas += before - gasleft() - METER;
        }
    }

    function div(F32[] calldata a, F32[] calldata b) external view returns (uint256 gas, F32 r) {
        for (uint256 i; i < a.length; ++i) {
            (F32 x, F32 y) = (a[i], b[i]);
            uint256 before = gasleft();
            r = x.div(y);
            gas += before - gasleft() - METER;
        }
    }

    function fma(F32[] calldata a, F32[] calldata b) external view returns (uint256 gas, F32 r) {
        for (uint256 i; i < a.length; ++i) {
            (F32 x, F32 y) = (a[i], b[i]);
            uint256 before = gasleft();
            r = x.fma(y, r);
            gas += before - gasleft() - METER;
        }
    }

    function sqrt(F32[] calldata a) external view returns (uint256 gas, F32 r) {
        for (uint256 i; i < a.length; ++i) {
            F32 x = a[i].abs();
            uint256 before = gasleft();
            r = x.sqrt();
            gas += before - gasleft() - METER;
        }
    }

    /// @notice A dot product in order as a verifier computes it, with one rounding for each multiply-add if it is `fused`,
    /// else one after each operation. The first byte of a number is the lowest.
    function dot(bytes calldata a, bytes calldata b, bool fused) external view returns (uint256 gas, F32 sum) {
        uint256 before = gasleft();
        uint256 count = a.length / 4;
        (uint256 inA, uint256 inB) = (_placeOf(a), _placeOf(b));
        uint256[] memory terms = new uint256[](count);
        FloatSums.fill(terms, 0, 1, inA, inB, count);
        sum = FloatChain.addProducts(terms, 0, count, sum, fused);
        gas = before - gasleft();
    }

    /// @notice The check that holds for every order, comparison included.
    function exactDot(
        uint256[] calldata a,
        uint256[] calldata b,
        F32 claimed
    ) external view returns (uint256 gas, bool isWithin) {
        uint256 before = gasleft();
        Accumulator memory acc;
        for (uint256 i; i < a.length; ++i) acc.addProducts(a[i], b[i]);
        isWithin = acc.within(claimed, 8 * a.length);
        gas = before - gasleft();
    }

    function _placeOf(bytes calldata x) private pure returns (uint256 place) {
        assembly ("memory-safe") {
            place := x.offset
        }
    }
}
