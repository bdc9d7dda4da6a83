import type { CourtModel, TraceCommitment } from "@assay/sdk";

import { VERIFIERS } from "../../ignition/verifiers.js";
import {
  canonicaliseNaN,
  claimAbout,
  commitTrace,
  contradicts,
  elementCount,
  fromHex,
  locateElement,
  Operator,
  operandsOf,
  runTrace,
} from "@assay/sdk";

import { Random } from "../../sdk/test/tensor/random.js";
import type { Subject } from "../../test/support/subjects.js";
import type { RawClaim } from "../../test/verifiers/support/abi.js";
import { edgesAround } from "../../test/verifiers/support/edges.js";
import type { Verifier } from "../../test/verifiers/support/judge.js";
import { deployVerifier, Verdict, verdicts } from "../../test/verifiers/support/judge.js";
import { bytesAt, float32At, float32Bytes, withElement } from "../../test/verifiers/support/values.js";

/** How many claims were tried on verifiers, and how many convicted. */
export interface Tally {
  tried: number;
  convicted: number;
}

const IN_ANY_ORDER = 7;
const BATCH = 50;

/** Honest processors differ in the sign of a zero that these give (docs/verifiers/EXACT.md). */
const UNSIGNED_ZERO: readonly number[] = [Operator.Relu, Operator.Clip, Operator.MaxPool];

/** An element of one of a model's runs. */
interface Place {
  readonly trace: TraceCommitment;
  readonly tensor: number;
  readonly element: number;
}

/** Claims about a model's runs, put before the verifiers. */
export class Campaign {
  readonly #random: Random;

  private constructor(
    private readonly model: CourtModel,
    private readonly traces: readonly TraceCommitment[],
    private readonly families: readonly Verifier[],
    seed: number,
  ) {
    this.#random = new Random(seed);
  }

  static async of({ model, inputs, runtimes }: Subject, seed: number): Promise<Campaign> {
    const traces: TraceCommitment[] = [];
    for (const runtime of runtimes) {
      for (const x of inputs) {
        const trace = await runTrace(model, new Map([["x", x]]), runtime);
        traces.push(commitTrace(model, trace.map(canonicaliseNaN)));
      }
    }
    return new Campaign(model, traces, await Promise.all(VERIFIERS.map(deployVerifier)), seed);
  }

  /** Elements of the runs as they are: none may convict. */
  honest(count: number): Promise<Tally> {
    return this.#try(count, () => this.#claim(this.#place()));
  }

  /** Elements with a byte changed; of what is judged within a bound, moved to the first number beyond it. */
  mutations(count: number): Promise<Tally> {
    return this.#try(count, () => {
      for (;;) {
        const place = this.#place();
        const changed = this.#wrongBytes(place);
        if (changed) return this.#claim(place, changed);
      }
    });
  }

  async #try(count: number, make: () => RawClaim): Promise<Tally> {
    const tally: Tally = { tried: 0, convicted: 0 };
    while (tally.tried < count) {
      const claims = Array.from({ length: Math.min(BATCH, count - tally.tried) }, make);
      for (const [family, verifier] of this.families.entries()) {
        const theirs = claims.filter(({ node }) => node.operator >> 8 === family + 1);
        const found = theirs.length === 0 ? [] : await verdicts(verifier, theirs);
        if (found.includes(Verdict.NotJudged)) throw new Error(`a claim that ${VERIFIERS[family] ?? ""} cannot read`);
        tally.convicted += found.filter((verdict) => verdict === Verdict.Contradicted).length;
      }
      tally.tried += claims.length;
    }
    return tally;
  }

  #place(): Place {
    const trace = this.#random.pick(this.traces);
    const tensor = this.model.inputNames.length + this.#random.below(this.model.nodes.length);
    return { trace, tensor, element: this.#random.below(elementCount(this.model.tensors[tensor]?.dims ?? [])) };
  }

  #claim({ trace, tensor, element }: Place, bytes?: Uint8Array): RawClaim {
    const claim = claimAbout(this.model, trace, tensor, element);
    const openings = claim.openings.map((opening) => ({ ...opening, data: fromHex(opening.data) }));
    const header = trace.tensors[tensor]?.header;
    if (bytes && header) openings[0]?.data.set(bytes, locateElement(header, element).byteOffset);
    return { ...claim, openings };
  }

  /** Undefined where there are none, or those drawn are right too. */
  #wrongBytes(place: Place): Uint8Array | undefined {
    const operator = this.model.nodes[place.tensor - this.model.inputNames.length]?.operator ?? 0;
    const output = place.trace.tensors[place.tensor]?.tensor;
    if (!output) throw new Error(`there is no tensor ${place.tensor}`);
    if (operator >> 8 >= IN_ANY_ORDER) return this.#beyondTheBound(place);
    const changed = Uint8Array.from(bytesAt(output, place.element));
    const byte = this.#random.below(changed.length);
    changed[byte] = (changed[byte] ?? 0) ^ (1 + this.#random.below(255));
    const bothZero = [output, withElement(output, place.element, changed)].every(
      (tensor) => tensor.dtype === "float32" && float32At(tensor, place.element) === 0,
    );
    return bothZero && UNSIGNED_ZERO.includes(operator) ? undefined : changed;
  }

  /** The first number, on either side, that integers of any length refuse. */
  #beyondTheBound({ trace, tensor, element }: Place): Uint8Array | undefined {
    const at = tensor - this.model.inputNames.length;
    const [node, instruction, output] = [this.model.nodes[at], this.model.instructions[at], trace.tensors[tensor]];
    if (!node || !instruction || !output) throw new Error(`there is no node ${at}`);
    const all = trace.tensors.map((each) => each.tensor);
    const operands = operandsOf(this.model, all, at);
    const stands = (y: number) => {
      const changed = withElement(output.tensor, element, float32Bytes(y));
      return !contradicts(instruction, operands, changed, element, node.numeric);
    };
    const edges = edgesAround(float32At(output.tensor, element), stands);
    return edges.length === 0 ? undefined : float32Bytes(this.#random.pick(edges).next);
  }
}
