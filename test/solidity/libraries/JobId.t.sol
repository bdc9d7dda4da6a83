// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {JobId} from "../../../contracts/libraries/JobId.sol";
import {JobTerms} from "../../../contracts/types/JobTypes.sol";
import {TestBase} from "../support/TestBase.sol";

contract JobIdTest is TestBase {
    function testFuzz_calldataMemoryAndAbiEncodeAgree(JobTerms calldata terms) external pure {
        uint256 expected = uint256(keccak256(abi.encode(terms)));
        assertEq(JobId.ofCalldata(terms), expected, "calldata");
        JobTerms memory copy = terms;
        assertEq(JobId.ofMemory(copy), expected, "memory");
    }

    function testFuzz_theSizeIsThatOfTheEncoding(JobTerms calldata terms) external pure {
        assertEq(abi.encode(terms).length, JobId.SIZE, "size");
    }

    function testFuzz_everyByteCounts(JobTerms calldata terms, uint256 index, uint8 change) external view {
        bytes memory encoded = abi.encode(terms);
        index = bound(index, 0, encoded.length - 1);
        encoded[index] = bytes1(uint8(encoded[index]) ^ uint8(bound(change, 1, 255)));
        bytes memory data = bytes.concat(this.idOf.selector, encoded);
        (bool ok, bytes memory result) = address(this).staticcall(data);
        if (ok) assertTrue(abi.decode(result, (uint256)) != JobId.ofCalldata(terms), "changed terms, same id");
    }

    /// What lies in memory beside the terms is neither read nor written.
    function testFuzz_memoryIsLeftAsItWas(JobTerms calldata terms, bytes32 left, bytes32 right) external pure {
        bytes32[1] memory before = [left];
        JobTerms memory copy = terms;
        bytes32[1] memory behind = [right];
        JobId.ofMemory(copy);
        JobId.ofCalldata(terms);
        assertEq(before[0], left, "before");
        assertEq(behind[0], right, "behind");
        assertEq(keccak256(abi.encode(copy)), keccak256(abi.encode(terms)), "the terms");
    }

    function idOf(JobTerms calldata terms) external pure returns (uint256) {
        return JobId.ofCalldata(terms);
    }
}
