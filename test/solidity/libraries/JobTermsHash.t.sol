// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {JobTermsHash} from "../../../contracts/libraries/JobTermsHash.sol";
import {JobTerms} from "../../../contracts/types/JobTypes.sol";
import {TestBase} from "../support/TestBase.sol";

contract JobTermsHashTest is TestBase {
    function testFuzz_calldataMemoryAndAbiEncodeAgree(JobTerms calldata terms) external pure {
        bytes32 expected = keccak256(abi.encode(terms));
        assertEq(JobTermsHash.ofCalldata(terms), expected, "calldata");
        JobTerms memory copy = terms;
        assertEq(JobTermsHash.ofMemory(copy), expected, "memory");
    }

    function testFuzz_theSizeIsThatOfTheEncoding(JobTerms calldata terms) external pure {
        assertEq(abi.encode(terms).length, JobTermsHash.SIZE, "size");
    }

    function testFuzz_everyByteCounts(JobTerms calldata terms, uint256 index, uint8 change) external view {
        bytes memory encoded = abi.encode(terms);
        index = bound(index, 0, encoded.length - 1);
        encoded[index] = bytes1(uint8(encoded[index]) ^ uint8(bound(change, 1, 255)));
        bytes memory data = bytes.concat(this.hashOf.selector, encoded);
        (bool ok, bytes memory result) = address(this).staticcall(data);
        if (ok) assertTrue(abi.decode(result, (bytes32)) != JobTermsHash.ofCalldata(terms), "changed terms, same hash");
    }

    /// What lies in memory beside the terms is neither read nor written.
    function testFuzz_memoryIsLeftAsItWas(JobTerms calldata terms, bytes32 left, bytes32 right) external pure {
        bytes32[1] memory before = [left];
        JobTerms memory copy = terms;
        bytes32[1] memory behind = [right];
        JobTermsHash.ofMemory(copy);
        JobTermsHash.ofCalldata(terms);
        assertEq(before[0], left, "before");
        assertEq(behind[0], right, "behind");
        assertEq(keccak256(abi.encode(copy)), keccak256(abi.encode(terms)), "the terms");
    }

    function hashOf(JobTerms calldata terms) external pure returns (bytes32) {
        return JobTermsHash.ofCalldata(terms);
    }
}
