// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IInferenceMarket} from "../../../contracts/interfaces/IInferenceMarket.sol";
import {JobStatus} from "../../../contracts/types/JobTypes.sol";
import {ITransferProbe} from "../support/ProbeToken.sol";
import {Vm} from "../support/Vm.sol";
import {Books} from "./Books.sol";

/// Every call to the system goes through here: it is counted, compared with what the books expect, and followed by a
/// look at what it changed. Findings are kept, and each invariant asks for its own.
abstract contract Observed is Books, ITransferProbe {
    /// Names of the functions that succeeded, in the order they first did.
    string[] private _names;
    mapping(bytes32 nameHash => uint256) private _successes;
    uint256 public calls;
    /// What the last successful call returned, if that was one word.
    uint256 internal _lastResult;

    /// Calls that succeeded or failed against the books, and the first of them.
    uint256 public surprises;
    string public firstSurprise;
    mapping(bytes32 nameHash => uint256) private _surprisesOf;
    /// Calls only another contract or a role may make, that went through.
    uint256 public intrusions;
    /// Balances and stakes that fell without a reason in the action at hand.
    uint256 public unexplainedLosses;
    uint256 public forbiddenTransitions;
    uint256 public idsOutOfOrder;
    /// Jobs whose id is not the hash of their terms, or that of another job.
    uint256 public unexpectedIds;
    uint256 public wrongSplits;
    uint256 public slashesAboveStake;
    uint256 public exitsBelowLocks;
    /// At most one at a time is frozen by its token.
    uint256 public frozenAccounts;

    /// What was wrong in the middle of a transfer.
    uint256 public reentries;
    uint256 public uncoveredTransfers;
    uint256 public jobsInTransit;
    uint256 internal _jobAtHand;

    address[] private _mayLose;
    mapping(address account => mapping(uint256 kind => uint256)) private _seen;

    /// One action of the campaign.
    modifier acts(uint256 seed) {
        _throwDice(seed);
        ++calls;
        delete _mayLose;
        _jobAtHand = 0;
        uint256 blocks = _roll(3);
        _pass(12 * blocks, blocks);
        _watchJobs();
        vm.recordLogs();
        _;
        _observe();
    }

    function successesOf(string memory name) public view returns (uint256) {
        return _successes[keccak256(bytes(name))];
    }

    function surprisesOf(string memory name) external view returns (uint256) {
        return _surprisesOf[keccak256(bytes(name))];
    }

    /// Every open job, and every seventh of those that are settled, in turn: nothing should happen to them any more.
    function watchedJobs() public view returns (uint256[] memory ids) {
        ids = new uint256[](jobCount());
        uint256 count = 0;
        for (uint256 id = 1; id < _jobs.length; ++id) {
            if (!isOver(id) || (id + calls) % 7 == 0) ids[count++] = id;
        }
        assembly ("memory-safe") {
            mstore(ids, count)
        }
    }

    /// "name=count" of every function that succeeded.
    function tally() external view returns (string memory line) {
        for (uint256 i = 0; i < _names.length; ++i) {
            line = string.concat(line, " ", _names[i], "=", vm.toString(successesOf(_names[i])));
        }
    }

    /// Calls as `who` and returns whether it went through; a difference to `expected` is a surprise.
    function _call(
        string memory name,
        address who,
        address target,
        bytes memory data,
        bool expected
    ) internal returns (bool ok) {
        bytes memory result;
        vm.prank(who);
        (ok, result) = target.call(data);
        bytes32 nameHash = keccak256(bytes(name));
        if (ok != expected) {
            if (++surprises == 1)
                firstSurprise = string.concat(name, ok ? " went through " : " failed ", vm.toString(result));
            ++_surprisesOf[nameHash];
        }
        if (ok) _note(name);
        if (ok) _lastResult = result.length == 32 ? abi.decode(result, (uint256)) : 0;
    }

    /// Counts something that came about: the campaign must have seen each of these.
    function _note(string memory name) internal {
        if (++_successes[keccak256(bytes(name))] == 1) _names.push(name);
    }

    /// The action at hand may lower what this account has.
    function _lowers(address account) internal {
        _mayLose.push(account);
    }

    function _pass(uint256 seconds_, uint256 blocks) internal {
        vm.warp(block.timestamp + seconds_);
        vm.roll(block.number + blocks);
    }

    /// An exit or a settlement went through.
    function _exited() internal {
        if (frozenAccounts > 0) _note("exit.whileFrozen");
    }

    /// @inheritdoc ITransferProbe
    function onTransfer(address from, address to) external {
        _note("transfer.probed");
        if (from == address(escrow) || to == address(escrow)) {
            _tryAgain(address(escrow), abi.encodeCall(escrow.deposit, (_tokenOf(PAY), address(this), 1)));
            _tryAgain(address(escrow), abi.encodeCall(escrow.withdraw, (_tokenOf(PAY), address(this), 1)));
        }
        if (from == address(staking) || to == address(staking)) {
            _tryAgain(address(staking), abi.encodeCall(staking.deposit, (address(this), 1)));
            _tryAgain(address(staking), abi.encodeCall(staking.withdraw, (address(this))));
        }
        if (!_covered(_indexOf(msg.sender))) ++uncoveredTransfers;
        if (_jobAtHand != 0 && market.statusOf(_jobAtHand) != JobStatus.None) ++jobsInTransit;
    }

    function _tryAgain(address target, bytes memory data) private {
        (bool ok, bytes memory reason) = target.call(data);
        bool refused = !ok && bytes4(reason) == ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector;
        if (!refused) ++reentries;
    }

    function _covered(uint256 token) private view returns (bool) {
        uint256 claims = escrow.balanceOf(_tokenOf(token), address(jury));
        for (uint256 i = 0; i < people.length; ++i) claims += escrow.balanceOf(_tokenOf(token), people[i]);
        return tokens[token].balanceOf(address(escrow)) >= claims;
    }

    function _observe() internal {
        _countEndings();
        _watchJobs();
        for (uint256 i = 0; i < people.length; ++i) {
            _watch(people[i], STAKE, escrow.balanceOf(_tokenOf(STAKE), people[i]));
            _watch(people[i], PAY, escrow.balanceOf(_tokenOf(PAY), people[i]));
        }
        for (uint256 i = 0; i < _provs.length; ++i) _watch(_provs[i], 2, staking.slashableOf(_provs[i]));
    }

    function _watchJobs() private {
        uint256[] memory ids = watchedJobs();
        for (uint256 i = 0; i < ids.length; ++i) _watchJob(_jobs[ids[i]]);
    }

    function _countEndings() private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter != address(market)) continue;
            bytes32 topic = logs[i].topics[0];
            if (topic != IInferenceMarket.JobPaid.selector && topic != IInferenceMarket.JobRefunded.selector) continue;
            ++_jobs[_numberOf[uint256(logs[i].topics[1])]].endings;
        }
    }

    function _watchJob(Job storage job) private {
        JobStatus current = market.statusOf(job.id);
        if (job.gone ? current != JobStatus.None : !_isAllowed(job.seen, current)) ++forbiddenTransitions;
        if (job.seen != JobStatus.None && current == JobStatus.None) job.gone = true;
        job.seen = current;
    }

    /// The diagram of `docs/STATE_MACHINES.md`; time passes or somebody acts, never both between two looks.
    function _isAllowed(JobStatus from, JobStatus to) private pure returns (bool) {
        if (from == to) return true;
        if (from == JobStatus.None) return to == JobStatus.Requested;
        if (from == JobStatus.Requested) {
            return to == JobStatus.Submitted || to == JobStatus.Expired || to == JobStatus.None;
        }
        if (from == JobStatus.Expired) return to == JobStatus.None;
        if (from == JobStatus.Submitted) {
            return to == JobStatus.Disputed || to == JobStatus.Finalisable || to == JobStatus.None;
        }
        if (from == JobStatus.Finalisable) return to == JobStatus.None;
        return from == JobStatus.Disputed && to == JobStatus.None;
    }

    function _watch(address account, uint256 kind, uint256 current) private {
        if (current < _seen[account][kind] && !_isExplained(account)) ++unexplainedLosses;
        _seen[account][kind] = current;
    }

    function _isExplained(address account) private view returns (bool) {
        for (uint256 i = 0; i < _mayLose.length; ++i) {
            if (_mayLose[i] == account) return true;
        }
        return false;
    }
}
