import { AssayError } from "../errors.js";
import { nodesTree } from "../graph/encode.js";
import type { CourtModel } from "../graph/prepare.js";
import type { TraceCommitment } from "../graph/trace.js";
import { Source, type GraphNode, type Operand } from "../graph/types.js";
import { toHex, type Hex } from "../tensor/bytes.js";
import {
  commitTensor,
  isCanonicalLeaf,
  locateElement,
  proveLeaf,
  type TensorCommitment,
  type TensorHeader,
} from "../tensor/commitment.js";
import { dtypeFromOnnx, dtypeSize } from "../tensor/dtype.js";
import { Layout } from "../tensor/layout.js";
import { MerkleTree } from "../tensor/merkle.js";
import { elementCount } from "../tensor/tensor.js";
import { buildClaim, headersOf } from "./claim.js";
import type { DifferingLeaf } from "./evidence.js";
import { halved, partsOfSum } from "./sums.js";
import { traceFactsOf, type TraceFacts } from "./traceFacts.js";
import { ALL_STEPS, type Claim, type Opening, type Steps } from "./types.js";

/** How often parts are cut in halves: what is left of them then is little besides what each of them opens. */
const MAX_CUTS = 5;

/** What proves a claim's node and headers (`IProofCourt.Provenance`). */
export interface Provenance {
  readonly trace: TraceFacts;
  readonly nodeIndex: number;
  readonly nodeProof: readonly Hex[];
  readonly traceProofs: readonly (readonly Hex[])[];
}

/** All that `ProofCourt.proveFraud` or `proveMalformedLeaf` takes, or `proveFraudOfSum` once its parts are added up. */
export interface Accusation {
  readonly kind: "fraud" | "malformedLeaf";
  readonly claim: Claim;
  readonly provenance: Provenance;
  /** What has to be added up before, in order, where one transaction cannot judge the sum; the claim is about the rest. */
  readonly parts: readonly SumPart[];
  /** The same in parts half as long, for a node that allows less gas; undefined if they are as short as they get. */
  readonly smaller?: (() => Accusation) | undefined;
}

/** What `ProofCourt.accumulate` takes. */
export interface SumPart {
  readonly claim: Claim;
  readonly from: number;
  readonly to: number;
}

/** A posted trace whose tensor `tensor` is the first that differs from an honest run. */
export interface PostedTrace {
  readonly model: CourtModel;
  readonly honest: TraceCommitment;
  readonly roots: readonly string[];
  readonly tensor: number;
}

/**
 * Accusations that follow from a leaf that differs, most telling first: that no honest party commits to such a leaf, or
 * that one of its elements contradicts its operands. Where honest processors differ an element may not convict, and the
 * next is to be tried.
 */
export function* accusations(
  posted: PostedTrace,
  found: DifferingLeaf,
  honestLeaf: Uint8Array,
  worthTrying: (element: number) => boolean = () => true,
): Generator<Accusation> {
  const { honest, tensor } = posted;
  const committed = honest.tensors[tensor];
  if (!committed) throw new AssayError(`there is no tensor ${tensor}`);
  if (!isCanonicalLeaf(committed.header, found.leaf, found.index)) {
    const { claim, provenance } = accuse(posted, found, firstElement(committed, found.index));
    yield { kind: "malformedLeaf", claim, provenance, parts: [] };
    return;
  }
  for (const element of differingElements(committed, found, honestLeaf)) {
    if (worthTrying(element)) yield accuse(posted, found, element);
  }
}

/** An accusation of one element of a posted trace of which all tensors are known. */
export function accusationOf(model: CourtModel, posted: TraceCommitment, tensor: number, element: number): Accusation {
  const roots = posted.tensors.map(({ header }) => header.merkleRoot);
  return accusationAgainst({ model, honest: posted, roots, tensor }, element);
}

/** An accusation of one element of a posted tensor, of which it and its operands are known. */
export function accusationAgainst(posted: PostedTrace, element: number): Accusation {
  const committed = posted.honest.tensors[posted.tensor];
  if (!committed) throw new AssayError(`there is no tensor ${posted.tensor}`);
  const { leafIndex } = locateElement(committed.header, element);
  return accuse(posted, proveLeaf(committed, leafIndex), element);
}

/** A claim about one element of a tensor of a trace, against the trace's own operands. */
export function claimAbout(
  model: CourtModel,
  trace: TraceCommitment,
  tensor: number,
  element: number,
  steps: Steps = ALL_STEPS,
): Claim {
  const [node, tensors] = readBy(model, trace, tensor);
  return buildClaim(node, tensors, element, steps);
}

/** A node, its operands and its output. */
function readBy(
  model: CourtModel,
  trace: TraceCommitment,
  tensor: number,
): [node: GraphNode, tensors: readonly (TensorCommitment | undefined)[]] {
  const node = model.nodes[tensor - model.inputNames.length];
  const output = trace.tensors[tensor];
  if (!node || !output) throw new AssayError(`tensor ${tensor} is an input, which nobody computed`);
  return [node, [...node.operands.map((operand) => commitmentOf(model, trace, operand)), output]];
}

function accuse({ model, honest, roots, tensor }: PostedTrace, found: DifferingLeaf, element: number): Accusation {
  const nodeIndex = tensor - model.inputNames.length;
  const [node, tensors] = readBy(model, honest, tensor);
  const { operands } = node;
  const merkleRoot = roots[tensor] as Hex;
  const opening: Opening = { operand: operands.length, leaf: found.index, data: toHex(found.leaf), proof: found.proof };
  const tree = MerkleTree.fromHashes(roots);
  const traced = operands.filter(({ source }) => source === Source.Trace).map((operand) => operand.tensor);
  const claimOf = (steps: Steps): Claim => {
    const claim = buildClaim(node, tensors, element, steps);
    return {
      ...claim,
      headers: [...claim.headers.slice(0, -1), { ...(claim.headers.at(-1) as TensorHeader), merkleRoot }],
      openings: [opening, ...claim.openings.slice(1)],
    };
  };
  const provenance = {
    trace: traceFactsOf(model.graph, roots),
    nodeIndex,
    nodeProof: nodesTree(model.nodes).proof(nodeIndex),
    traceProofs: [...traced, tensor].map((index) => tree.proof(index)),
  };
  const headers = headersOf(tensors);
  const inSteps = (steps: readonly Steps[], cuts: number): Accusation => {
    const shorter = cuts < MAX_CUTS ? halved(node, headers, steps) : undefined;
    return {
      kind: "fraud",
      claim: claimOf(steps.at(-1) ?? ALL_STEPS),
      parts: steps.flatMap(({ from, to }) => (to === undefined ? [] : [{ claim: claimOf({ from, to }), from, to }])),
      provenance,
      smaller: shorter && (() => inSteps(shorter, cuts + 1)),
    };
  };
  return inSteps(partsOfSum(node, headers, element), 0);
}

function commitmentOf(model: CourtModel, honest: TraceCommitment, operand: Operand): TensorCommitment | undefined {
  if (operand.source === Source.Absent) return undefined;
  if (operand.source === Source.Trace) return honest.tensors[operand.tensor];
  const constant = model.constants.get(operand.hash);
  for (const layout of constant ? Object.values(Layout) : []) {
    const committed = tryCommit(constant, layout);
    if (committed?.root === operand.hash) return committed;
  }
  throw new AssayError(`the model has no constant ${operand.hash}`);
}

function tryCommit(constant: Parameters<typeof commitTensor>[0] | undefined, layout: Layout) {
  try {
    return constant && commitTensor(constant, layout);
  } catch {
    // A layout that does not suit the constant is not the one it was committed in.
    return undefined;
  }
}

function* elementsOfLeaf({ header }: TensorCommitment, leaf: number): Generator<{ element: number; at: number }> {
  const count = elementCount(header.dims.slice(0, header.rank));
  for (let element = 0; element < count; element++) {
    const { leafIndex, byteOffset } = locateElement(header, element);
    if (leafIndex === leaf) yield { element, at: byteOffset };
  }
}

function firstElement(committed: TensorCommitment, leaf: number): number {
  for (const { element } of elementsOfLeaf(committed, leaf)) return element;
  throw new AssayError(`leaf ${leaf} holds no element`);
}

function* differingElements(committed: TensorCommitment, found: DifferingLeaf, honest: Uint8Array): Generator<number> {
  const size = dtypeSize(dtypeFromOnnx(committed.header.dtype));
  for (const { element, at } of elementsOfLeaf(committed, found.index)) {
    const bytes = (leaf: Uint8Array) => leaf.subarray(at, at + size).join();
    if (bytes(found.leaf) !== bytes(honest)) yield element;
  }
}
