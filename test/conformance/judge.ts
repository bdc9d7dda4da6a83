import type { CourtModel, Tensor, TraceCommitment } from "@assay/sdk";
import {
  canonicaliseNaN,
  claimAbout,
  commitTrace,
  contradicts,
  dtypeSize,
  elementCount,
  fromHex,
  locateElement,
  Operator,
  operandsOf,
  runTrace,
} from "@assay/sdk";

import { VERIFIERS } from "../../ignition/verifiers.js";
import { inProcess } from "../../provider-worker/test/support/inProcessRuntime.js";
import { Random } from "../../sdk/test/tensor/random.js";
import type { RawClaim } from "../verifiers/support/abi.js";
import { edgesAround } from "../verifiers/support/edges.js";
import type { Verifier } from "../verifiers/support/judge.js";
import { deployVerifier, Verdict, verdicts } from "../verifiers/support/judge.js";
import { bytesAt, float32At, float32Bytes, withElement } from "../verifiers/support/values.js";
import type { DataSet } from "./nodeTests.js";

const WITHIN_BOUNDS = 7;
const BATCH = 100;
const TRIES = 8;
/** More than one result is right of a zero, or where a NaN is compared (docs/verifiers/EXACT.md). */
const AMBIGUOUS: readonly number[] = [
  Operator.Relu,
  Operator.Clip,
  Operator.MaxPool,
  Operator.ArgMax,
  Operator.QuantizeLinear,
];

/** What the verifiers say of a model's runs. */
export interface Judged {
  readonly outputs: readonly (readonly [name: string, tensor: Tensor])[];
  readonly honest: number;
  readonly changed: number;
  /** Elements of which no change is wrong: bounds that hold every number, NaNs that are compared. */
  readonly unmovable: number;
  /** Honest claims that convict, changed ones that do not, claims that no verifier reads. */
  readonly wrong: readonly string[];
}

interface Place {
  readonly trace: TraceCommitment;
  readonly node: number;
  readonly element: number;
}

interface Expectation {
  readonly claim: RawClaim;
  readonly verdict: number;
  readonly what: string;
}

/** Puts claims about a model's runs before the verifiers: elements as they are, and with other bytes. */
export class Judge {
  readonly #random = new Random(1);

  private constructor(
    private readonly families: readonly Verifier[],
    /** Of each node at most so many elements, drawn evenly. */
    private readonly elements: number,
  ) {}

  static async of(elements: number): Promise<Judge> {
    return new Judge(await Promise.all(VERIFIERS.map(deployVerifier)), elements);
  }

  async judge(model: CourtModel, { inputs }: DataSet): Promise<Judged> {
    const given = new Map(model.inputNames.map((name) => [name, inputs.get(name) as Tensor]));
    const trace = commitTrace(model, (await runTrace(model, given, inProcess)).map(canonicaliseNaN));
    const places = model.nodes.flatMap((_, node) => this.#placesIn(model, trace, node));
    const honest = places.map((place) => expectation(model, place, undefined));
    const tried = model.nodes.flatMap((_, node) => this.#changesIn(model, trace, node));
    const changed = tried.flatMap(([place, bytes]) => (bytes ? [expectation(model, place, bytes)] : []));
    return {
      outputs: model.outputNames.map((name, i) => [name, trace.tensors[model.outputs[i] ?? -1]?.tensor as Tensor]),
      honest: honest.length,
      changed: changed.length,
      unmovable: tried.length - changed.length,
      wrong: await this.#failures([...honest, ...changed]),
    };
  }

  async #failures(all: readonly Expectation[]): Promise<string[]> {
    const found: string[] = [];
    for (const [family, verifier] of this.families.entries()) {
      const theirs = all.filter(({ claim }) => claim.node.operator >> 8 === family + 1);
      for (let from = 0; from < theirs.length; from += BATCH) {
        const batch = theirs.slice(from, from + BATCH);
        const said = await verdicts(
          verifier,
          batch.map(({ claim }) => claim),
        );
        batch.forEach(({ verdict, what }, i) => {
          if (said[i] !== verdict) found.push(`${what}: verdict ${said[i]}, not ${verdict}`);
        });
      }
    }
    return found;
  }

  #placesIn(model: CourtModel, trace: TraceCommitment, node: number): Place[] {
    const count = elementCount(model.tensors[model.inputNames.length + node]?.dims ?? []);
    const taken = Math.min(count, this.elements);
    return Array.from({ length: taken }, (_, i) => ({ trace, node, element: Math.floor((i * count) / taken) }));
  }

  /** Other bytes for each element, at each place of its bytes at least once; of what is judged within a bound, beyond it. */
  #changesIn(model: CourtModel, trace: TraceCommitment, node: number): [place: Place, bytes: Uint8Array | undefined][] {
    const places = this.#placesIn(model, trace, node);
    if ((model.nodes[node]?.operator ?? 0) >> 8 >= WITHIN_BOUNDS) {
      return places.map((place) => [place, this.#beyondTheBound(model, place)]);
    }
    const size = dtypeSize(model.tensors[model.inputNames.length + node]?.dtype ?? "uint8");
    return Array.from({ length: Math.max(places.length, size) }, (_, i) => {
      const place = places[i % places.length] as Place;
      return [place, this.#withByteChanged(model, place, i % size)];
    });
  }

  #withByteChanged(model: CourtModel, place: Place, byte: number): Uint8Array | undefined {
    const output = outputOf(model, place);
    for (let i = 0; i < TRIES; i++) {
      const changed = Uint8Array.from(bytesAt(output, place.element));
      changed[byte] = (changed[byte] ?? 0) ^ (output.dtype === "bool" ? 1 : 1 + this.#random.below(255));
      if (!AMBIGUOUS.includes(model.nodes[place.node]?.operator ?? 0) || isWrong(model, place, changed)) return changed;
    }
    return undefined;
  }

  /** The first number, on either side, that integers of any length refuse. */
  #beyondTheBound(model: CourtModel, place: Place): Uint8Array | undefined {
    const edges = edgesAround(
      float32At(outputOf(model, place), place.element),
      (y) => !isWrong(model, place, float32Bytes(y)),
    );
    return edges.length === 0 ? undefined : float32Bytes(this.#random.pick(edges).next);
  }
}

function outputOf(model: CourtModel, { trace, node }: Place): Tensor {
  const output = trace.tensors[model.inputNames.length + node]?.tensor;
  if (!output) throw new Error(`there is no node ${node}`);
  return output;
}

function isWrong(model: CourtModel, place: Place, bytes: Uint8Array): boolean {
  const { trace, node, element } = place;
  const instruction = model.instructions[node];
  if (!instruction) throw new Error(`there is no node ${node}`);
  const tensors = trace.tensors.map(({ tensor }) => tensor);
  const changed = withElement(outputOf(model, place), element, bytes);
  return contradicts(instruction, operandsOf(model, tensors, node), changed, element, model.nodes[node]?.numeric);
}

function expectation(model: CourtModel, place: Place, bytes: Uint8Array | undefined): Expectation {
  const { trace, node, element } = place;
  const tensor = model.inputNames.length + node;
  const claim = claimAbout(model, trace, tensor, element);
  const openings = claim.openings.map((opening) => ({ ...opening, data: fromHex(opening.data) }));
  const header = trace.tensors[tensor]?.header;
  if (bytes && header) openings[0]?.data.set(bytes, locateElement(header, element).byteOffset);
  return {
    claim: { ...claim, openings },
    verdict: bytes ? Verdict.Contradicted : Verdict.Stands,
    what: `element ${element} of node ${node} (${model.instructions[node]?.operator ?? ""})${bytes ? ", changed" : ""}`,
  };
}
