// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {JobStatus} from "../../../contracts/types/JobTypes.sol";
import {ProviderStaking} from "../../../contracts/staking/ProviderStaking.sol";
import {TestBase} from "../support/TestBase.sol";
import {AssayHandler} from "./AssayHandler.sol";

/// What holds after every call of the campaign; `docs/INVARIANTS.md` says each in a sentence.
contract SystemInvariantsTest is TestBase {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    string private constant _LOG = "cache/campaign.log";
    uint256 private constant _STAKE = 0;

    AssayHandler private _assay;

    function setUp() public {
        vm.warp(1_800_000_000);
        vm.roll(1_000);
        _assay = new AssayHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_assay);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(_assay), _assay.actions());
    }

    /// `scripts/check-campaign.ts` adds these lines up and fails where a function never succeeded.
    function afterInvariant() external {
        vm.writeLine(_LOG, string.concat("calls=", vm.toString(_assay.calls()), _assay.tally()));
    }

    function invariant_all() external view {
        assertEq(_assay.surprises(), 0, _assay.firstSurprise());
        assertEq(_assay.unexplainedLosses(), 0, "unexplained losses");
        assertEq(_assay.forbiddenTransitions(), 0, "forbidden transitions");
        assertEq(_assay.intrusions(), 0, "intrusions");
        assertEq(_assay.idsOutOfOrder(), 0, "ids");
        assertEq(_assay.wrongSplits(), 0, "splits");
        assertEq(_assay.reentries(), 0, "reentries");
        assertEq(_assay.uncoveredTransfers(), 0, "uncovered");
        assertEq(_assay.jobsInTransit(), 0, "in transit");
    }
}
