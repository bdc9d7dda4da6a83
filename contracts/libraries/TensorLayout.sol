// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TensorHeader} from "../types/TensorTypes.sol";

/// @title Where the elements of a tensor lie in its leaves
/// @notice Specified in `docs/COMMITMENTS.md`. A leaf other than a row-major one holds what one output element of an
/// operator reads at once: a pixel's channels, a column, a filter, a row.
library TensorLayout {
    /// @notice Row-major, cut into chunks of `ROW_MAJOR_BYTES`.
    uint8 internal constant ROW_MAJOR = 0;
    /// @notice [N, C, ...]: a leaf for each place, its C channels in order.
    uint8 internal constant PIXELS = 1;
    /// @notice [..., K, N]: a leaf for each of the N columns, its K elements in order.
    uint8 internal constant COLUMNS = 2;
    /// @notice [O, I, ...]: a leaf for each of the O filters; place by place, the I channels of each.
    uint8 internal constant FILTERS = 3;
    /// @notice [..., K]: a leaf for each row.
    uint8 internal constant ROWS = 4;
    /// @notice As `COLUMNS` and `FILTERS`, single bytes, for constants: channels or elements are filled up to whole
    /// words, and in each word the eight groups of four bytes stand in reverse order, so that one multiplication of two
    /// words makes eight products and adds them.
    uint8 internal constant COLUMNS_REVERSED = 5;
    uint8 internal constant FILTERS_REVERSED = 6;

    /// @dev Never 64: such a leaf would be as long as two hashes side by side.
    uint256 internal constant ROW_MAJOR_BYTES = 1024;
    /// @dev Above this a leaf is too dear to open.
    uint256 internal constant MAX_LEAF_BYTES = 1 << 16;

    /// @notice A tensor seen along one axis: `outer` blocks of `length` times `inner` elements.
    struct View {
        uint256 outer;
        uint256 length;
        uint256 inner;
    }

    error TensorLayout_RankTooLarge(uint256 rank);

    /// @notice Elements for each leaf, places for padding included, and the number of leaves.
    /// @return perLeaf zero if the layout does not exist or does not suit the tensor
    function chunking(TensorHeader memory header, uint256 size) internal pure returns (uint256 perLeaf, uint256 count) {
        if (size == 0) return (0, 0);
        if (header.layout == ROW_MAJOR) {
            uint256 elements = product(header, 0, header.rank);
            perLeaf = ROW_MAJOR_BYTES / size;
            // Not (elements + perLeaf - 1) / perLeaf, whose sum could overflow.
            return (perLeaf, elements / perLeaf + (elements % perLeaf == 0 ? 0 : 1));
        }
        if (header.layout > FILTERS_REVERSED || header.rank < (header.layout == ROWS ? 1 : 2)) return (0, 0);
        if (isReversed(header.layout) && size != 1) return (0, 0);

        View memory along = viewOf(header);
        // A tensor without elements has no pixels, columns or rows: only the row-major layout.
        if (along.outer == 0 || along.length == 0 || along.inner == 0) return (0, 0);
        uint256 length = isReversed(header.layout) ? _wholeWords(along.length) : along.length;
        bool filters = _isFilters(header.layout);
        perLeaf = filters ? length * along.inner : length;
        if (perLeaf > MAX_LEAF_BYTES / size) return (0, 0);
        count = filters ? along.outer : along.outer * along.inner;
    }

    /// @notice Length of each leaf in bytes.
    function leafBytes(TensorHeader memory header, uint256 size) internal pure returns (uint256 length) {
        if (header.layout == ROW_MAJOR) return ROW_MAJOR_BYTES;
        length = _wholeWords(uint256(header.chunkElems) * size);
        if (length == 64) length = 96;
    }

    /// @notice The leaf that holds a row-major element, and the element's place in it, counted in elements.
    function locate(TensorHeader memory header, uint256 element) internal pure returns (uint256 leaf, uint256 place) {
        View memory along;
        if (header.layout != ROW_MAJOR) along = viewOf(header);
        return locate(header, along, element);
    }

    /// @notice As above, for many elements of one tensor: its `viewOf` is given, which a row-major one does not need.
    function locate(
        TensorHeader memory header,
        View memory along,
        uint256 element
    ) internal pure returns (uint256 leaf, uint256 place) {
        if (header.layout == ROW_MAJOR) return (element / header.chunkElems, element % header.chunkElems);
        uint256 inner = element % along.inner;
        uint256 outer = element / along.inner;
        place = outer % along.length;
        outer /= along.length;
        // Quotients and remainders of an element: nothing can overflow.
        unchecked {
            uint256 length = along.length;
            if (isReversed(header.layout)) (length, place) = (_wholeWords(length), reversedPlace(place));
            if (_isFilters(header.layout)) return (outer, inner * length + place);
            return (outer * along.inner + inner, place);
        }
    }

    /// @notice The axis that lies within a leaf, with all before it and all behind it.
    function viewOf(TensorHeader memory header) internal pure returns (View memory along) {
        uint256 axis = 1;
        if (header.layout == ROWS) axis = header.rank - 1;
        else if (header.layout == COLUMNS || header.layout == COLUMNS_REVERSED) axis = header.rank - 2;
        along.outer = product(header, 0, axis);
        along.length = header.dims[axis];
        along.inner = product(header, axis + 1, header.rank);
    }

    /// @notice Whether words are reversed by groups of four bytes.
    function isReversed(uint8 layout) internal pure returns (bool) {
        return layout == COLUMNS_REVERSED || layout == FILTERS_REVERSED;
    }

    /// @notice Where byte `place` of a run lies once each word's eight groups of four bytes stand in reverse order.
    function reversedPlace(uint256 place) internal pure returns (uint256) {
        return (place & ~uint256(31)) | (28 - (place & 28)) | (place & 3);
    }

    function _isFilters(uint8 layout) private pure returns (bool) {
        return layout == FILTERS || layout == FILTERS_REVERSED;
    }

    function _wholeWords(uint256 bytes_) private pure returns (uint256) {
        return (bytes_ + 31) & ~uint256(31);
    }

    /// @dev The product of some of the dims; eight factors below 2^32 cannot overflow.
    function product(TensorHeader memory header, uint256 from, uint256 to) internal pure returns (uint256 result) {
        uint32[8] memory dims = header.dims;
        // `to` is a rank or an axis below it; court code runs through here for every tensor it touches.
        if (to > 8) revert TensorLayout_RankTooLarge(to);
        result = 1;
        assembly ("memory-safe") {
            let end := add(dims, shl(5, to))
            for {
                let at := add(dims, shl(5, from))
            } lt(at, end) {
                at := add(at, 32)
            } {
                result := mul(result, mload(at))
            }
        }
    }
}
