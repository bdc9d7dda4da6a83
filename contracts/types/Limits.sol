// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

// Bounds that no role can move. Stake must outlive every job it backs, so
// UNBONDING_PERIOD > MAX_JOB_DURATION + MAX_CHALLENGE_WINDOW + MAX_RESOLUTION
// is asserted by the constructor of ProviderStaking.
uint32 constant MAX_JOB_DURATION = 3 days;
uint32 constant MIN_CHALLENGE_WINDOW = 1 minutes;
uint32 constant MAX_CHALLENGE_WINDOW = 7 days;
uint32 constant MAX_RESOLUTION = 7 days;
// An arbiter is done this long before its time is up, so that whoever has to carry its ruling out is in time too.
uint32 constant RESOLUTION_GRACE = 1 hours;
uint48 constant MAX_UNBONDING = 365 days;

uint16 constant BASIS_POINTS = 10_000;
uint16 constant MAX_PROTOCOL_FEE_BPS = 500;
uint16 constant MAX_ROYALTY_BPS = 2_000;
