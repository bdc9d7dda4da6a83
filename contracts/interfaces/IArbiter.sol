// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CaseFacts, Ruling} from "../types/DisputeTypes.sol";

/// @title Who decides whether a result is wrong
/// @notice The court of `DisputeManager` knows nothing of how an arbiter decides: a jury re-executes, a proof court
/// recomputes one element on chain.
interface IArbiter {
    /// @notice Takes a case. Only the `DisputeManager`; may revert if the arbiter cannot judge it.
    function openCase(uint256 caseId, CaseFacts calldata facts) external;

    /// @notice The ruling, `None` while there is none.
    /// @return ruling Final once it is not `None`.
    /// @return finder Who earns the finder's share of an upheld challenge; zero for the challenger.
    function rulingOf(uint256 caseId) external view returns (Ruling ruling, address finder);

    /// @notice Root of the trace in which an element was proven wrong; zero if the ruling rests on votes or on silence,
    /// neither of which is the fault of who found the same trace. Must not revert: audits are closed by it.
    function disprovenTraceOf(uint256 caseId) external view returns (bytes32 traceRoot);

    /// @notice Whether it takes a share of slashes and lost bonds, to pay who judges for it. Asked once, when it is named.
    function isPaid() external view returns (bool);

    /// @notice Most seconds the arbiter takes; at most `MAX_RESOLUTION`.
    function resolutionPeriod() external view returns (uint48);
}
