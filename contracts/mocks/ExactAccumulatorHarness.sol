// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Accumulator} from "../disputes/verifiers/ExactAccumulator.sol";
import {F32} from "../disputes/verifiers/SoftFloat32.sol";

/// @notice Dot products of two rows of numbers, eight to a word.
contract ExactAccumulatorHarness {
    function accumulate(uint256[] calldata a, uint256[] calldata b) public pure returns (Accumulator memory acc) {
        for (uint256 i; i < a.length; ++i) acc.addProducts(a[i], b[i]);
    }

    /// @notice Whether each of `ys` is a possible dot product, the bias being one of the `n` products.
    function within(
        uint256[] calldata a,
        uint256[] calldata b,
        F32[] calldata ys,
        uint256 n
    ) external pure returns (bool[] memory verdicts) {
        Accumulator memory acc = accumulate(a, b);
        verdicts = new bool[](ys.length);
        for (uint256 i; i < ys.length; ++i) verdicts[i] = acc.within(ys[i], n);
    }

    function addProduct(Accumulator calldata acc, F32 a, F32 b) external pure returns (Accumulator memory sum) {
        sum = acc;
        sum.addProduct(a, b);
    }

    function merge(
        Accumulator calldata acc,
        Accumulator calldata other
    ) external pure returns (Accumulator memory sum) {
        sum = acc;
        sum.merge(other);
    }
}
