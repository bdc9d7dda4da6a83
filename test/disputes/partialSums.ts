import { expect } from "chai";
import type { CourtModel, Steps, Tensor } from "@assay/sdk";
import {
  accusationOf,
  claimAbout,
  commitTrace,
  fromFloat32Array,
  initHash,
  prepareModel,
  runTrace,
  toFloat32Array,
} from "@assay/sdk";

import { ToleranceDot__factory } from "../../sdk/src/typechain/index.js";
import { onnxFile } from "../../sdk/test/support/onnxModel.js";
import { Random } from "../../sdk/test/tensor/random.js";
import { inProcess } from "../../provider-worker/test/support/inProcessRuntime.js";
import { RULING } from "../support/assemble.js";
import { deployAssay, ethers, networkHelpers } from "../support/fixture.js";
import type { ProvenMarket, Run } from "../support/proofs.js";
import { deliver, marketIn, openCase, postTrace } from "../support/proofs.js";

const TOLERANCE = 3;
/** Products of an element. */
const LENGTH = 40;
const [MATMUL, RELU] = [0x0700, 0x0200];

interface PartialSum {
  next: number;
  state: string;
}
const NOTHING: PartialSum = { next: 0, state: "0x" };

function floats(random: Random, ...dims: number[]): Tensor {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return fromFloat32Array(
    Float32Array.from({ length: count }, () => random.next() / 2 ** 31 - 1),
    dims,
  );
}

async function prepared(): Promise<{ model: CourtModel; x: Tensor }> {
  const random = new Random(1);
  const file = onnxFile({
    nodes: [
      { op: "MatMul", inputs: ["x", "w"], outputs: ["p"] },
      { op: "Relu", inputs: ["p"], outputs: ["y"] },
      { op: "MatMul", inputs: ["x", "v"], outputs: ["z"] },
    ],
    inputs: { x: ["float32", [1, LENGTH]] },
    outputs: { y: undefined, z: undefined },
    constants: { w: floats(random, LENGTH, 2), v: floats(random, LENGTH, 2) },
    opset: 21,
  });
  const { model } = await prepareModel(file, { tolerance: true }, inProcess);
  return { model, x: floats(random, 1, LENGTH) };
}

/** Twice as large, and one more. */
function doubled(tensor: Tensor): Tensor {
  const values = toFloat32Array(tensor);
  return fromFloat32Array(values.with(0, 2 * (values[0] ?? 0) + 1), tensor.dims);
}

describe("ProofCourt, partial sums", function () {
  this.timeout(300_000);
  let model: CourtModel;
  let x: Tensor;

  before(async () => {
    await initHash();
    ({ model, x } = await prepared());
  });

  /** A case whose provider has a wrong first element of the product, and nothing else wrong; or an honest one. */
  async function caseOf(isWrong: boolean) {
    const [name = ""] = model.inputNames;
    const honest = await runTrace(model, new Map([[name, x]]), inProcess);
    const trace = honest.map((tensor, i) => (isWrong && i === product() ? doubled(tensor) : tensor));
    const posted = commitTrace(model, trace);
    const given = { model, honest: posted, posted };
    return caseIn(await marketIn(await deployAssay(), model, TOLERANCE), given);
  }

  /** A case about a job whose provider delivered, and posted, this run. */
  async function caseIn(market: ProvenMarket, given: Run) {
    const opened = await openCase(market, await deliver(market, given), given);
    await postTrace(market, given, opened);
    return { market, caseId: opened.caseId, given };
  }
  const wrong = () => caseOf(true);
  const honest = () => caseOf(false);

  type Case = Awaited<ReturnType<typeof caseOf>>;
  type Signer = Case["market"]["challenger"];

  /** Whose sum it is, and of what. */
  interface Place {
    who: Signer;
    tensor: number;
    element: number;
  }

  /** The tensor that a node of an operator writes. */
  const written = (code: number, nth = 0) => {
    const nodes = [...model.nodes.keys()].filter((node) => model.nodes[node]?.operator === code);
    return model.inputNames.length + (nodes[nth] ?? -1);
  };
  const product = () => written(MATMUL);
  const otherProduct = () => written(MATMUL, 1);

  const words = ({ caseId, given: { posted } }: Case, steps: Steps, tensor = product(), element = 0) =>
    [
      caseId,
      claimAbout(model, posted, tensor, element, steps) as never,
      accusationOf(model, posted, tensor, element).provenance as never,
    ] as const;

  /** Adds steps up and returns what the court has then. */
  async function accumulate(
    opened: Case,
    before: PartialSum,
    to: number,
    { who = opened.market.challenger, tensor = product(), element = 0 }: Partial<Place> = {},
  ): Promise<PartialSum> {
    const { court } = opened.market;
    const given = words(opened, { from: before.next, to }, tensor, element);
    const sent = await court.connect(who).accumulate(...given, before, to);
    const receipt = await sent.wait();
    const [log] = await court.queryFilter(court.filters.SumAccumulated(opened.caseId), receipt?.blockNumber);
    if (!log) throw new Error("no sum");
    return { next: Number(log.args.sum.next), state: log.args.sum.state };
  }

  const convict = (opened: Case, before: PartialSum, who?: Signer, tensor = product(), element = 0) =>
    opened.market.court
      .connect(who ?? opened.market.challenger)
      .proveFraudOfSum(...words(opened, { from: before.next }, tensor, element), before);

  const rulingOf = async ({ market, caseId }: Case) => (await market.court.rulingOf(caseId))[0];

  it("convicts by parts of any number and size, and by none before the last", async () => {
    for (const cuts of [[], [1], [39], [40], [8, 16, 24], [3, 4, 39]]) {
      const opened = await networkHelpers.loadFixture(wrong);
      let sum = NOTHING;
      for (const to of cuts) sum = await accumulate(opened, sum, to);
      expect(await rulingOf(opened)).to.equal(RULING.none);
      await convict(opened, sum);
      expect(await opened.market.court.rulingOf(opened.caseId)).to.deep.equal([
        RULING.upheld,
        opened.market.challenger.address,
      ]);
    }
  });

  it("convicts no honest provider, whatever parts are added up", async () => {
    const opened = await networkHelpers.loadFixture(honest);
    const { court } = opened.market;
    for (const cuts of [[], [1], [40], [3, 4, 39]]) {
      let sum = NOTHING;
      for (const to of cuts) sum = await accumulate(opened, sum, to);
      await expect(convict(opened, sum)).to.be.revertedWithCustomError(court, "ProofCourt_NoContradiction");
    }
    expect(await rulingOf(opened)).to.equal(RULING.none);
  });

  it("takes steps in order and once: no gap, no overlap, no replay, no sum but its own", async () => {
    const opened = await networkHelpers.loadFixture(honest);
    const { court } = opened.market;
    const refused = async (sum: PartialSum, to = LENGTH) => {
      await expect(accumulate(opened, sum, to)).to.be.revertedWithCustomError(court, "ProofCourt_OtherSum");
      await expect(convict(opened, sum)).to.be.revertedWithCustomError(court, "ProofCourt_OtherSum");
    };
    const first = await accumulate(opened, NOTHING, 10);
    await refused({ ...first, next: 12 });
    await refused({ ...first, next: 8 });
    await refused({ ...first, next: 0 });
    await refused({ ...first, state: `${first.state.slice(0, -1)}f` });
    const second = await accumulate(opened, first, 20);
    await refused(first);
    await expect(convict(opened, second)).to.be.revertedWithCustomError(court, "ProofCourt_NoContradiction");
    const third = await accumulate(opened, second, 30);
    await refused(second);
    // Whoever begins again has nothing left of what was.
    const again = await accumulate(opened, NOTHING, 10);
    expect(again).to.deep.equal(first);
    await refused(third);
    await refused(second);
    expect(await accumulate(opened, again, 20)).to.deep.equal(second);
  });

  it("takes no step that is not there, and at least one", async () => {
    const opened = await networkHelpers.loadFixture(wrong);
    const { court } = opened.market;
    const sum = await accumulate(opened, NOTHING, 10);
    const verifier = ToleranceDot__factory.connect(await court.verifierOf(MATMUL >> 8));
    for (const to of [0, 9, 10, LENGTH + 1]) {
      const given = words(opened, { from: 10, to: 20 });
      await expect(
        court.connect(opened.market.challenger).accumulate(...given, sum, to),
        `${to}`,
      ).to.be.revertedWithCustomError(verifier, "StepRanges_OutOfRange");
    }
    await convict(opened, sum);
  });

  it("convicts nobody by a sum whose next step is beyond any, and lets its prover begin again", async () => {
    const opened = await networkHelpers.loadFixture(wrong);
    const { court, challenger } = opened.market;
    const beyond = 2n ** 256n - 1n;
    const verifier = ToleranceDot__factory.connect(await court.verifierOf(MATMUL >> 8));
    const given = words(opened, { from: 0 });
    await court.connect(challenger).accumulate(...given, NOTHING, beyond);
    const [log] = await court.queryFilter(court.filters.SumAccumulated(opened.caseId));
    if (!log) throw new Error("no sum");
    const { next, state } = log.args.sum;
    expect(next).to.equal(beyond);
    for (const send of [
      court.connect(challenger).accumulate(...given, { next, state }, LENGTH),
      court.connect(challenger).proveFraudOfSum(...given, { next, state }),
    ]) {
      await expect(send).to.be.revertedWithCustomError(verifier, "StepRanges_OutOfRange");
    }
    await convict(opened, await accumulate(opened, NOTHING, 10));
  });

  const OTHERS: Readonly<Record<string, (opened: Case) => Partial<Place>>> = {
    prover: ({ market }) => ({ who: market.stranger }),
    element: () => ({ element: 1 }),
    node: () => ({ tensor: otherProduct() }),
  };
  for (const [what, otherOf] of Object.entries(OTHERS)) {
    it(`lets nobody go on from, or finish, the sum of another ${what}`, async () => {
      const opened = await networkHelpers.loadFixture(wrong);
      const { court, challenger } = opened.market;
      const other = otherOf(opened);
      const sum = await accumulate(opened, NOTHING, 10);
      await expect(accumulate(opened, sum, 20, other)).to.be.revertedWithCustomError(court, "ProofCourt_OtherSum");
      const finished = convict(opened, sum, other.who, other.tensor, other.element);
      await expect(finished).to.be.revertedWithCustomError(court, "ProofCourt_OtherSum");
      // What is added up there leaves this one as it is.
      await accumulate(opened, NOTHING, 15, other);
      await convict(opened, sum);
      expect(await court.rulingOf(opened.caseId)).to.deep.equal([RULING.upheld, challenger.address]);
    });
  }

  it("takes no sum of another case, though the same provider posted the same trace there", async () => {
    const opened = await networkHelpers.loadFixture(wrong);
    const other = await caseIn(opened.market, opened.given);
    const { court } = opened.market;
    const sum = await accumulate(opened, NOTHING, 10);
    await expect(accumulate(other, sum, 20)).to.be.revertedWithCustomError(court, "ProofCourt_OtherSum");
    await expect(convict(other, sum)).to.be.revertedWithCustomError(court, "ProofCourt_OtherSum");
    // Nor once the case that it was added up in is over.
    await convict(opened, sum);
    await expect(convict(other, sum)).to.be.revertedWithCustomError(court, "ProofCourt_OtherSum");
    await convict(other, NOTHING);
    expect(await rulingOf(other)).to.equal(RULING.upheld);
  });

  it("adds nothing up once the provider is convicted", async () => {
    const opened = await networkHelpers.loadFixture(wrong);
    const { court } = opened.market;
    const sum = await accumulate(opened, NOTHING, 10);
    await convict(opened, NOTHING, opened.market.stranger);
    await expect(accumulate(opened, sum, 20)).to.be.revertedWithCustomError(court, "ProofCourt_Over");
    await expect(convict(opened, sum)).to.be.revertedWithCustomError(court, "ProofCourt_Over");
    expect(await court.rulingOf(opened.caseId)).to.deep.equal([RULING.upheld, opened.market.stranger.address]);
  });

  it("knows after a reorganisation what the chain has then, and no part that went with a branch", async () => {
    const opened = await networkHelpers.loadFixture(wrong);
    const { court } = opened.market;
    const first = await accumulate(opened, NOTHING, 10);
    const before = await networkHelpers.takeSnapshot();
    const second = await accumulate(opened, first, 20);
    await before.restore();
    await expect(convict(opened, second)).to.be.revertedWithCustomError(court, "ProofCourt_OtherSum");
    await expect(accumulate(opened, second, 30)).to.be.revertedWithCustomError(court, "ProofCourt_OtherSum");
    expect(await accumulate(opened, first, 20)).to.deep.equal(second);
    await convict(opened, second);
    expect(await rulingOf(opened)).to.equal(RULING.upheld);
  });

  it("proves each part anew: a claim of other operands adds nothing", async () => {
    const opened = await networkHelpers.loadFixture(honest);
    const { court, challenger } = opened.market;
    const sum = await accumulate(opened, NOTHING, 10);
    const [caseId, claim, provenance] = words(opened, { from: 10, to: 20 });
    const { openings, headers } = claim as unknown as ReturnType<typeof claimAbout>;
    const [output, row, column] = openings;
    if (!output || !row || !column) throw new Error("no openings");
    const forged = { ...row, data: row.data.replace(/.$/, (digit) => (digit === "0" ? "1" : "0")) };
    const other = { ...(claim as object), openings: [output, forged, column] };
    const moved = {
      ...(claim as object),
      headers: headers.with(0, { ...headers[0], merkleRoot: forged.proof[0] ?? sum.state.slice(0, 66) } as never),
    };
    await expect(court.connect(challenger).accumulate(caseId, other as never, provenance, sum, 20)).to.be.revert(
      ethers,
    );
    await expect(
      court.connect(challenger).accumulate(caseId, moved as never, provenance, sum, 20),
    ).to.be.revertedWithCustomError(court, "ProofCourt_NotProven");
  });

  it("adds up nothing for operators that are no sums", async () => {
    const opened = await networkHelpers.loadFixture(wrong);
    const { court, challenger } = opened.market;
    const given = words(opened, { from: 0, to: 1 }, written(RELU));
    const sent = court.connect(challenger).accumulate(...given, NOTHING, 1);
    await expect(sent).to.be.revertedWithoutReason(ethers);
  });

  it("gives no more time: parts neither keep a case open nor count after it", async () => {
    const opened = await networkHelpers.loadFixture(wrong);
    const { court } = opened.market;
    const before = await court.courtCaseOf(opened.caseId);
    const sum = await accumulate(opened, NOTHING, 10);
    expect(await court.courtCaseOf(opened.caseId)).to.deep.equal(before);
    const quiet = before.movedAt + (await court.CLAIM_PERIOD());
    const end = quiet > before.windowEnd ? quiet : before.windowEnd;
    await networkHelpers.time.increaseTo(end);
    expect(await rulingOf(opened)).to.equal(RULING.none);
    await networkHelpers.time.increaseTo(end + 1n);
    expect(await rulingOf(opened)).to.equal(RULING.rejected);
    await expect(accumulate(opened, sum, 20)).to.be.revertedWithCustomError(court, "ProofCourt_Over");
    await expect(convict(opened, sum)).to.be.revertedWithCustomError(court, "ProofCourt_Over");
  });
});
