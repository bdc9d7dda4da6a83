/** Gas per paid job of others, from receipts of their own contracts on a local chain, steady state. */
export const PEERS: readonly { system: string; path: string; perJob: number }[] = [
  {
    system: "iExec PoCo 6.2.0",
    path: "match, initialise, contribute, reveal, finalise",
    perJob: 1_625_986,
  },
  { system: "Ritual Infernet 1.0, optimistic", path: "request, deliver, finalise", perJob: 564_167 },
  { system: "Olas Mech marketplace, prepaid", path: "request, deliver", perJob: 474_050 },
  { system: "Ritual Infernet 1.0, ERC-20", path: "request, deliver; nothing verified", perJob: 368_312 },
  { system: "UMA Optimistic Oracle v3", path: "assert, settle; pays no job", perJob: 249_000 },
  { system: "floor: throwaway contracts", path: "request, submit, settle; no stake, registry or fee", perJob: 111_289 },
];
