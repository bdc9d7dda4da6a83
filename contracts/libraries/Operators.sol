// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Operators a court can judge
/// @notice The upper byte is the family, one verifier each.
library Operators {
    uint16 internal constant VIEW = 0x0100;
    uint16 internal constant CONCAT = 0x0101;
    uint16 internal constant PAD = 0x0102;
    uint16 internal constant GATHER = 0x0103;
    uint16 internal constant CAST = 0x0104;

    uint16 internal constant RELU = 0x0200;
    uint16 internal constant CLIP = 0x0201;
    uint16 internal constant LEAKY_RELU = 0x0202;
    uint16 internal constant MAX_POOL = 0x0203;
    uint16 internal constant ARG_MAX = 0x0204;

    uint16 internal constant ADD = 0x0300;
    uint16 internal constant SUB = 0x0301;
    uint16 internal constant MUL = 0x0302;
    uint16 internal constant DIV = 0x0303;
    uint16 internal constant SQRT = 0x0304;

    uint16 internal constant QUANTIZE_LINEAR = 0x0400;
    uint16 internal constant DEQUANTIZE_LINEAR = 0x0401;

    uint16 internal constant MATMUL_INTEGER = 0x0500;
    uint16 internal constant QLINEAR_MATMUL = 0x0501;
    uint16 internal constant CONV_INTEGER = 0x0502;
    uint16 internal constant QLINEAR_CONV = 0x0503;

    uint16 internal constant MATMUL = 0x0600;
    uint16 internal constant CONV = 0x0601;
    uint16 internal constant AVERAGE_POOL = 0x0602;
    uint16 internal constant REDUCE_SUM = 0x0603;
    uint16 internal constant REDUCE_MEAN = 0x0604;
    uint16 internal constant BATCH_NORMALIZATION = 0x0605;

    uint16 internal constant TOLERANCE_MATMUL = 0x0700;
    uint16 internal constant TOLERANCE_CONV = 0x0701;
    uint16 internal constant TOLERANCE_AVERAGE_POOL = 0x0702;
    uint16 internal constant TOLERANCE_REDUCE_SUM = 0x0703;
    uint16 internal constant TOLERANCE_REDUCE_MEAN = 0x0704;
    uint16 internal constant TOLERANCE_BATCH_NORMALIZATION = 0x0705;

    uint16 internal constant EXP = 0x0800;
    uint16 internal constant SIGMOID = 0x0801;
    uint16 internal constant TANH = 0x0802;
    uint16 internal constant ERF = 0x0803;
    uint16 internal constant GELU = 0x0804;
    uint16 internal constant SOFTMAX = 0x0805;
    uint16 internal constant LAYER_NORMALIZATION = 0x0806;
    uint16 internal constant LOG = 0x0807;
    uint16 internal constant BLOCK_MAX = 0x0808;
    uint16 internal constant BLOCK_SUM = 0x0809;
    uint16 internal constant BLOCK_MAGNITUDES = 0x080a;
    uint16 internal constant BLOCK_SQUARES = 0x080b;
    uint16 internal constant BLOCK_EXPONENTIALS = 0x080c;
    uint16 internal constant LONG_SOFTMAX = 0x080d;
    uint16 internal constant LONG_LAYER_NORMALIZATION = 0x080e;

    /// @notice The family an operator belongs to.
    function family(uint16 operator) internal pure returns (uint8) {
        return uint8(operator >> 8);
    }
}
