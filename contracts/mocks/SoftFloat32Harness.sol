// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {F32, SoftFloat32} from "../disputes/verifiers/SoftFloat32.sol";
import {FloatChain} from "../libraries/FloatChain.sol";

/// @notice Runs one operation on many operands, so that tests can compare every result.
contract SoftFloat32Harness {
    /// @dev In the order of `OPERATIONS` in `test/disputes/verifiers/support/operations.ts`.
    enum Operation {
        Add,
        Sub,
        Mul,
        Fma,
        Div,
        Sqrt,
        Neg,
        Abs,
        Min,
        Max,
        Eq,
        Lt,
        Le,
        FromInt,
        FromUint,
        ToIntRne,
        RoundHalfEven,
        Round,
        FusedChain,
        SeparateChain
    }

    /// @dev Terms of a chain.
    uint256 private constant TERMS = 3;

    /// @param operands Words of 32 bytes, one for each case: up to three numbers of 32 bits from the left, of a chain two for
    /// each term and what they are added to; one integer; or what `round` takes.
    /// @return results Words of 32 bytes.
    function run(Operation operation, bytes calldata operands) external pure returns (bytes memory results) {
        function(uint256) pure returns (uint256) compute = _function(operation);
        results = new bytes(operands.length);
        for (uint256 i; i < operands.length; i += 32) {
            uint256 result = compute(uint256(bytes32(operands[i:i + 32])));
            assembly ("memory-safe") {
                mstore(add(add(results, 32), i), result)
            }
        }
    }

    function isNaN(F32 x) external pure returns (bool) {
        return x.isNaN();
    }

    function isInf(F32 x) external pure returns (bool) {
        return x.isInf();
    }

    function isFinite(F32 x) external pure returns (bool) {
        return x.isFinite();
    }

    function toIntRne(F32 x) external pure returns (int256) {
        return x.toIntRne();
    }

    function _function(Operation operation) private pure returns (function(uint256) pure returns (uint256)) {
        if (operation == Operation.Add) return _add;
        if (operation == Operation.Sub) return _sub;
        if (operation == Operation.Mul) return _mul;
        if (operation == Operation.Fma) return _fma;
        if (operation == Operation.Div) return _div;
        if (operation == Operation.Sqrt) return _sqrt;
        if (operation == Operation.Neg) return _neg;
        if (operation == Operation.Abs) return _abs;
        if (operation == Operation.Min) return _min;
        if (operation == Operation.Max) return _max;
        if (operation == Operation.Eq) return _eq;
        if (operation == Operation.Lt) return _lt;
        if (operation == Operation.Le) return _le;
        if (operation == Operation.FromInt) return _fromInt;
        if (operation == Operation.FromUint) return _fromUint;
        if (operation == Operation.ToIntRne) return _toIntRne;
        if (operation == Operation.RoundHalfEven) return _roundHalfEven;
        if (operation == Operation.Round) return _round;
        if (operation == Operation.FusedChain) return _fusedChain;
        return _separateChain;
    }

    function _add(uint256 x) private pure returns (uint256) {
        return _bits(_first(x).add(_second(x)));
    }

    function _sub(uint256 x) private pure returns (uint256) {
        return _bits(_first(x).sub(_second(x)));
    }

    function _mul(uint256 x) private pure returns (uint256) {
        return _bits(_first(x).mul(_second(x)));
    }

    function _fma(uint256 x) private pure returns (uint256) {
        return _bits(_first(x).fma(_second(x), F32.wrap(uint32(x >> 160))));
    }

    function _div(uint256 x) private pure returns (uint256) {
        return _bits(_first(x).div(_second(x)));
    }

    function _sqrt(uint256 x) private pure returns (uint256) {
        return _bits(_first(x).sqrt());
    }

    function _neg(uint256 x) private pure returns (uint256) {
        return _bits(_first(x).neg());
    }

    function _abs(uint256 x) private pure returns (uint256) {
        return _bits(_first(x).abs());
    }

    function _min(uint256 x) private pure returns (uint256) {
        return _bits(_first(x).min(_second(x)));
    }

    function _max(uint256 x) private pure returns (uint256) {
        return _bits(_first(x).max(_second(x)));
    }

    function _eq(uint256 x) private pure returns (uint256) {
        return _first(x).eq(_second(x)) ? 1 : 0;
    }

    function _lt(uint256 x) private pure returns (uint256) {
        return _first(x).lt(_second(x)) ? 1 : 0;
    }

    function _le(uint256 x) private pure returns (uint256) {
        return _first(x).le(_second(x)) ? 1 : 0;
    }

    function _fromInt(uint256 x) private pure returns (uint256) {
        return _bits(SoftFloat32.fromInt(int256(x)));
    }

    function _fromUint(uint256 x) private pure returns (uint256) {
        return _bits(SoftFloat32.fromUint(x));
    }

    function _toIntRne(uint256 x) private pure returns (uint256) {
        return uint256(_first(x).toIntRne());
    }

    function _roundHalfEven(uint256 x) private pure returns (uint256) {
        return _bits(_first(x).roundHalfEven());
    }

    /// @dev Sign (1 byte), m (11 bytes), k (20 bytes).
    function _round(uint256 x) private pure returns (uint256) {
        return _bits(SoftFloat32.round((x >> 255) << 31, (x >> 160) & ((1 << 88) - 1), int160(uint160(x))));
    }

    function _fusedChain(uint256 x) private pure returns (uint256) {
        return _chain(x, true);
    }

    function _separateChain(uint256 x) private pure returns (uint256) {
        return _chain(x, false);
    }

    function _chain(uint256 x, bool fused) private pure returns (uint256) {
        uint256[] memory terms = new uint256[](TERMS);
        for (uint256 i; i < TERMS; ++i) {
            terms[i] = (uint256(F32.unwrap(_first(x))) << 128) | F32.unwrap(_second(x));
            x <<= 64;
        }
        return _bits(FloatChain.addProducts(terms, 0, TERMS, _first(x), fused));
    }

    function _first(uint256 x) private pure returns (F32) {
        return F32.wrap(uint32(x >> 224));
    }

    function _second(uint256 x) private pure returns (F32) {
        return F32.wrap(uint32(x >> 192));
    }

    function _bits(F32 x) private pure returns (uint256) {
        return F32.unwrap(x);
    }
}
