import { expect } from "chai";
import type { Claim, CourtModel, Provenance, Steps, Tensor, TraceCommitment } from "@assay/sdk";
import {
  accusationOf,
  canonicaliseNaN,
  claimAbout,
  commitTrace,
  ContractRevertError,
  decodeRevert,
  fromNumbers,
  initHash,
  prepareModel,
  proveLeaf,
  runTrace,
  toHex,
} from "@assay/sdk";
import { dataSlice, MaxUint256, ZeroHash } from "ethers";

import { onnxFile } from "../../sdk/test/support/onnxModel.js";
import { Random } from "../../sdk/test/tensor/random.js";
import { inProcess } from "../../provider-worker/test/support/inProcessRuntime.js";
import { RULING } from "../support/assemble.js";
import { deployAssay, networkHelpers } from "../support/fixture.js";
import { uniform } from "../support/networks.js";
import type { ProvenMarket, Run } from "../support/proofs.js";
import { deliver, demand, marketIn, openCase, postTrace } from "../support/proofs.js";
import { PROFILES } from "../support/verdict.js";

interface Sum {
  readonly next: bigint;
  readonly state: string;
}
const NOTHING: Sum = { next: 0n, state: "0x" };

/** What `accumulate` and `proveFraudOfSum` take. */
interface Words {
  readonly claim: Claim;
  readonly provenance: Provenance;
  readonly before: Sum;
  readonly to: bigint;
}
type Change = (words: Words) => Words | undefined;

const withClaim =
  (change: (claim: Claim) => Partial<Claim> | undefined): Change =>
  (words) => {
    const changed = change(words.claim);
    return changed && { ...words, claim: { ...words.claim, ...changed } };
  };
const withSum =
  (change: (sum: Sum) => Partial<Sum>): Change =>
  (words) => ({ ...words, before: { ...words.before, ...change(words.before) } });
const flipped = (data: string): string => data.replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));

/** Each is refused with an error that has a name, whatever is to be added up or proven. */
const MALFORMED: Readonly<Record<string, Change>> = {
  "a forged sum": withSum(({ state }) => ({ state: flipped(state) })),
  "a sum cut short by a word": withSum(({ state }) => ({ state: dataSlice(state, 32) })),
  "a sum with a byte less": withSum(({ state }) => ({ state: state.slice(0, -2) })),
  "a sum with a word more": withSum(({ state }) => ({ state: `${state}${"00".repeat(32)}` })),
  "a sum of 64 KB": withSum(({ state }) => ({ state: `${state}${"00".repeat(65_536)}` })),
  "a sum of nothing": withSum(() => ({ state: "0x" })),
  "a sum whose words are all ones": withSum(({ state }) => ({ state: `0x${"f".repeat(state.length - 2)}` })),
  "a sum before its first step": withSum(() => ({ next: 0n })),
  "a step too early": withSum(({ next }) => ({ next: next - 1n })),
  "a step too late": withSum(({ next }) => ({ next: next + 1n })),
  "a step beyond all": withSum(() => ({ next: MaxUint256 })),
  "openings in another order": withClaim(({ openings }) => ({ openings: openings.toReversed() })),
  "an opening less": withClaim(({ openings }) => ({ openings: openings.slice(0, -1) })),
  "an opening twice": withClaim(({ openings }) => ({ openings: [...openings, ...openings.slice(-1)] })),
  "no opening": withClaim(() => ({ openings: [] })),
  "a forged factor": withClaim(({ openings }) => ({
    openings: openings.map((each, i) => (i === 1 ? { ...each, data: flipped(each.data) as typeof each.data } : each)),
  })),
  "a forged output": withClaim(({ openings }) => ({
    openings: openings.map((each, i) => (i === 0 ? { ...each, data: flipped(each.data) as typeof each.data } : each)),
  })),
  "a leaf without its end": withClaim(({ openings }) => ({
    openings: openings.map((each, i) =>
      i === 1 ? { ...each, data: each.data.slice(0, -64) as typeof each.data } : each,
    ),
  })),
  "a leaf of an operand that is not there": withClaim(({ openings }) => ({
    openings: openings.map((each) => ({ ...each, operand: 9 })),
  })),
  "an element that is not there": withClaim(() => ({ element: 2 ** 40 })),
  "another element": withClaim(({ element }) => ({ element: element + 1 })),
  "a header less": withClaim(({ headers }) => ({ headers: headers.slice(1) })),
  "a header of another tensor": withClaim(({ headers }) => ({
    headers: headers.map((each, i) => (i === 0 ? { ...each, merkleRoot: ZeroHash as typeof each.merkleRoot } : each)),
  })),
  "attributes that are not the node's": withClaim(({ node }) => ({
    node: { ...node, attributes: `${node.attributes}${"00".repeat(32)}` as typeof node.attributes },
  })),
  "the operator of another family": withClaim(({ node }) => ({ node: { ...node, operator: node.operator ^ 0x0700 } })),
  "the place of another node": (words) => ({
    ...words,
    provenance: { ...words.provenance, nodeIndex: words.provenance.nodeIndex + 1 },
  }),
  "no proof of the node": (words) => ({
    ...words,
    provenance: { ...words.provenance, nodeProof: [ZeroHash as never] },
  }),
  "no proof of the trace": (words) => ({
    ...words,
    provenance: { ...words.provenance, traceProofs: words.provenance.traceProofs.map(() => []) },
  }),
};

const LENGTH = 64;
const bytes = (random: Random, ...dims: number[]): Tensor =>
  fromNumbers(
    "uint8",
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => random.below(256)),
  );

/** Two products of one row, of each kind of sum; nothing is added to them. */
const KINDS = {
  "of integers": { op: "MatMulInteger", of: bytes, dtype: "uint8", tolerance: false },
  "of float32, bit for bit": { op: "MatMul", of: uniform, dtype: "float32", tolerance: false },
  "in any order": { op: "MatMul", of: uniform, dtype: "float32", tolerance: true },
} as const;

for (const [what, { op, of, dtype, tolerance }] of Object.entries(KINDS)) {
  describe(`ProofCourt, malformed parts of sums ${what}`, function () {
    this.timeout(300_000);
    let model: CourtModel;
    let trace: Tensor[];
    let tensor: number;

    before(async () => {
      await initHash();
      const random = new Random(3);
      const file = onnxFile({
        nodes: ["y", "z"].map((name) => ({ op, inputs: ["x", `w${name}`], outputs: [name] })),
        inputs: { x: [dtype, [3, LENGTH]] },
        outputs: { y: undefined, z: undefined },
        constants: { wy: of(random, LENGTH, 5), wz: of(random, LENGTH, 5) },
        opset: 21,
      });
      ({ model } = await prepareModel(file, { tolerance }, inProcess));
      trace = (await runTrace(model, new Map([["x", of(random, 3, LENGTH)]]), inProcess)).map(canonicaliseNaN);
      tensor = model.outputs[0] ?? -1;
    });

    const honest = () => caseOf(trace);
    /** Bit 30 of the first element is wrong, of float32 and of int32. */
    const wrong = () => {
      const output = trace[tensor] as Tensor;
      const data = Uint8Array.from(output.data);
      data[3] = (data[3] ?? 0) ^ 0x40;
      return caseOf(trace.with(tensor, { ...output, data }));
    };

    async function caseOf(run: readonly Tensor[]) {
      const posted = commitTrace(model, run);
      const given = { model, honest: posted, posted };
      return caseIn(await marketIn(await deployAssay(), model, PROFILES[model.profile.kind]), given);
    }
    async function caseIn(market: ProvenMarket, given: Run) {
      const terms = await deliver(market, given);
      const opened = await openCase(market, terms, given);
      await postTrace(market, given, opened);
      return { market, caseId: opened.caseId, terms, given };
    }
    type Case = Awaited<ReturnType<typeof caseOf>>;

    const wordsFor = (posted: TraceCommitment, before: Sum, to: bigint, steps: Steps, element = 0): Words => ({
      claim: claimAbout(model, posted, tensor, element, steps),
      provenance: accusationOf(model, posted, tensor, element).provenance,
      before,
      to,
    });
    const accumulate = ({ market, caseId }: Case, { claim, provenance, before, to }: Words, by = market.challenger) =>
      market.court.connect(by).accumulate(caseId, claim as never, provenance as never, before, to);
    const prove = ({ market, caseId }: Case, { claim, provenance, before }: Words) =>
      market.court.connect(market.challenger).proveFraudOfSum(caseId, claim as never, provenance as never, before);

    /** The first 32 products, added up. */
    async function half(opened: Case): Promise<Sum> {
      const { posted } = opened.given;
      await accumulate(opened, wordsFor(posted, NOTHING, 32n, { from: 0, to: 32 }));
      const [log] = await opened.market.court.queryFilter(opened.market.court.filters.SumAccumulated(opened.caseId));
      if (!log) throw new Error("no sum");
      return { next: log.args.sum.next, state: log.args.sum.state };
    }
    const kept = ({ market, caseId }: Case) =>
      market.court.sumOf(caseId, market.challenger, tensor - model.inputNames.length, 0);

    for (const [whose, make, isWrong] of [
      ["an honest", honest, false],
      ["a wrong", wrong, true],
    ] as const) {
      it(`are refused by name and change nothing, against ${whose} provider`, async () => {
        const opened = await networkHelpers.loadFixture(make);
        const { market, caseId, given } = opened;
        const sum = await half(opened);
        const before = await kept(opened);
        const more = wordsFor(given.posted, sum, 64n, { from: 32, to: 64 });
        const rest = wordsFor(given.posted, sum, 64n, { from: 32 });
        for (const [name, change] of Object.entries(MALFORMED)) {
          const [part, proof] = [change(more), change(rest)];
          if (part) await expectRefused(accumulate(opened, part), `${name}, added up`);
          if (proof) await expectRefused(prove(opened, proof), `${name}, as proof`);
        }
        expect(await kept(opened)).to.equal(before);
        expect((await market.court.rulingOf(caseId))[0]).to.equal(RULING.none);
        if (isWrong) await prove(opened, rest);
        else
          await expect(prove(opened, rest)).to.be.revertedWithCustomError(market.court, "ProofCourt_NoContradiction");
        expect((await market.court.rulingOf(caseId))[0]).to.equal(isWrong ? RULING.upheld : RULING.none);
      });
    }

    // Sums of integers have no operand that may be absent.
    if (op === "MatMul") {
      it("say the same whatever header stands for an operand that is absent, of which nothing can be opened", async () => {
        for (const [make, isWrong] of [
          [honest, false],
          [wrong, true],
        ] as const) {
          const opened = await networkHelpers.loadFixture(make);
          const { court } = opened.market;
          const sum = await half(opened);
          const rest = wordsFor(opened.given.posted, sum, 64n, { from: 32 });
          const absent = rest.claim.node.operands.findIndex(({ source }) => source === 0);
          const [junk] = rest.claim.headers;
          if (absent < 0 || !junk) throw new Error("every operand is there");
          const changed = { ...rest, claim: { ...rest.claim, headers: rest.claim.headers.with(absent, junk) } };
          // The junk is the header of the first operand, a leaf of which would be proven under it.
          const first = opened.given.posted.tensors[rest.claim.node.operands[0]?.tensor ?? -1];
          if (!first) throw new Error("the first operand is none of the trace");
          const { leaf, proof } = proveLeaf(first, 0);
          const opening = { operand: absent, leaf: 0, data: toHex(leaf), proof };
          const openings = [...changed.claim.openings, opening];
          const opensNothing = prove(opened, { ...changed, claim: { ...changed.claim, openings } });
          await expect(opensNothing).to.be.revertedWithCustomError(court, "TensorCommitment_InvalidProof");
          if (isWrong) await prove(opened, changed);
          else await expect(prove(opened, changed)).to.be.revertedWithCustomError(court, "ProofCourt_NoContradiction");
        }
      });
    }

    it("are not taken without a trace, by another key, in another case, nor once the case is over", async () => {
      const opened = await networkHelpers.loadFixture(wrong);
      const { market, given, caseId, terms } = opened;
      const { court } = market;
      const sum = await half(opened);
      const more = wordsFor(given.posted, sum, 64n, { from: 32, to: 64 });
      const rest = wordsFor(given.posted, sum, 64n, { from: 32 });
      const untraced = { ...opened, ...(await openCase(market, await deliver(market, given), given)) };
      for (const call of [accumulate(untraced, more), prove(untraced, rest)]) {
        await expect(call).to.be.revertedWithCustomError(court, "ProofCourt_NoTrace");
      }
      const other = await caseIn(market, given);
      for (const call of [accumulate(other, more), prove(other, rest), accumulate(opened, more, market.stranger)]) {
        await expect(call).to.be.revertedWithCustomError(court, "ProofCourt_OtherSum");
      }
      // The provider does not show what is demanded of it, and is convicted for that.
      const part = { tensor, level: 0, index: 0 };
      await demand(market, given, caseId, part);
      await networkHelpers.time.increase((await court.REPLY_PERIOD()) + 1n);
      await court.connect(market.stranger).proveSilence(caseId, part);
      for (const call of [accumulate(opened, more), prove(opened, rest)]) {
        await expect(call).to.be.revertedWithCustomError(court, "ProofCourt_Over");
      }
      const ruling = await court.rulingOf(caseId);
      await market.disputes.resolve(caseId, terms);
      for (const call of [accumulate(opened, more), prove(opened, rest)]) {
        await expect(call).to.be.revertedWithCustomError(court, "ProofCourt_Over");
      }
      expect(await court.rulingOf(caseId)).to.deep.equal(ruling);
      // The one without a trace has ended by itself.
      await expect(accumulate(untraced, more)).to.be.revertedWithCustomError(court, "ProofCourt_Over");
    });
  });
}

async function expectRefused(call: Promise<unknown>, what: string): Promise<void> {
  const said: unknown = await call.then(
    () => "taken",
    (error: unknown) => decodeRevert(error),
  );
  expect(said instanceof ContractRevertError ? "refused" : String(said), what).to.equal("refused");
}
