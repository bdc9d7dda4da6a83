import { readGolden } from "@assay/provider-worker";
import { contentHash, findRandomOperator } from "@assay/sdk";
import { ZeroAddress, ZeroHash } from "ethers";

import { UserError } from "../support/errors.js";
import { readBytes } from "../support/files.js";
import { preparedModel } from "../support/manifest.js";
import { LETS_PASS, named, PROFILES } from "../support/names.js";
import { basisPoints, maybe, oneOf, required, whole } from "../support/parse.js";
import type { Fields } from "../support/report.js";
import { Listing, moment, orNone, percent } from "../support/report.js";
import type { Session } from "../support/session.js";
import { action, emitted } from "../support/session.js";
import type { Port } from "../support/signature.js";
import { parseSignature, requireFit } from "../support/signature.js";

const TOLERANCE = "Tolerance";

interface RegisterArguments {
  file: string;
  manifest?: string;
  golden?: string;
  input?: string;
  output?: string;
  profile?: string;
  royalty: string;
  workUnits?: string;
  parent: string;
  licence?: string;
  modelUri?: string;
  goldenUri?: string;
}

export const register = action(async (session, given: RegisterArguments) => {
  const { models } = session.contracts;
  const spec = await specOf(given);
  const receipt = await session.send(() => models.register(spec));
  const model = emitted(receipt, models.interface, "ModelRegistered").modelId as bigint;
  const { fileHash, goldenHash, graphCommitment } = spec;
  const profile = named(PROFILES, BigInt(spec.profile));
  const caveat: Fields = profile.text === TOLERANCE ? { letsPass: LETS_PASS } : {};
  return { model, profile, ...caveat, fileHash, goldenHash, graphCommitment, transaction: receipt.hash };
});

export const list = action(async (session) => {
  const last = await session.contracts.models.lastModelId();
  const ids = Array.from({ length: Number(last) }, (_, i) => BigInt(i + 1));
  return new Listing("models", await Promise.all(ids.map((id) => summaryOf(session, id))));
});

export const show = action(async (session, { model }: { model: bigint }) => {
  const { models } = session.contracts;
  const { fileHash, goldenHash, graphCommitment, workUnits, parentId, modelUri, goldenUri } =
    await models.specOf(model);
  const { registeredAt, profile } = await models.factsOf(model);
  return {
    ...(await summaryOf(session, model)),
    judgedBy: await judgeOf(session, profile),
    fileHash,
    goldenHash,
    graphCommitment,
    workUnits,
    parent: parentId,
    modelUri: orNone(modelUri),
    goldenUri: orNone(goldenUri),
    registeredAt: moment(registeredAt),
  };
});

export const deprecate = action(async (session, { model }: { model: bigint }) => {
  const receipt = await session.send(() => session.contracts.models.deprecate(model));
  return { model, deprecated: true, transaction: receipt.hash };
});

interface UriArguments {
  model: bigint;
  modelUri?: string;
  goldenUri?: string;
}

export const setUris = action(async (session, { model, ...uris }: UriArguments) => {
  const { models } = session.contracts;
  const now = await models.specOf(model);
  const { modelUri = now.modelUri, goldenUri = now.goldenUri } = uris;
  const receipt = await session.send(() => models.setUris(model, modelUri, goldenUri));
  return { model, modelUri, goldenUri, transaction: receipt.hash };
});

async function specOf(given: RegisterArguments) {
  const file = readBytes("file", given.file);
  requireDeterministic(file);
  const golden = readBytes("--golden", required("--golden", given.golden));
  const prepared = await maybe(given.manifest, async (manifest) => preparedModel(file, manifest, golden));
  const profile = profileOf(given.profile, prepared?.profile.kind);
  const inputSignature = required("--input", given.input ?? prepared?.input);
  const outputSignature = required("--output", given.output ?? prepared?.output);
  requireGolden(golden, parseSignature("--input", inputSignature), parseSignature("--output", outputSignature));
  return {
    fileHash: contentHash(file),
    goldenHash: contentHash(golden),
    graphCommitment: prepared?.commitment ?? ZeroHash,
    profile,
    workUnits: whole("--work-units", given.workUnits),
    royaltyBps: basisPoints("--royalty", given.royalty),
    parentId: whole("--parent", given.parent),
    inputSignature,
    outputSignature,
    licence: required("--licence", given.licence),
    modelUri: required("--model-uri", given.modelUri),
    goldenUri: required("--golden-uri", given.goldenUri),
  };
}

/** What is asked for, or what the manifest says. What is judged by proof needs the graph that the manifest has. */
function profileOf(given: string | undefined, prepared: string | undefined): number {
  const profile = oneOf("--profile", given ?? prepared ?? "Jury", PROFILES);
  const name = PROFILES[profile] ?? "";
  if (name === "Jury" || name === prepared) return profile;
  const reason = prepared ? `--manifest is of profile ${prepared}` : "such a model needs its graph";
  throw new UserError(
    `--profile is ${name}: ${reason}: give the --manifest that model:prepare writes for that profile`,
  );
}

/** No worker runs such a model, in any profile. */
function requireDeterministic(file: Uint8Array): void {
  const random = findRandomOperator(file);
  if (random === undefined) return;
  throw new UserError(`file has a ${random}: nobody can judge random results: make the numbers an input of the model`);
}

/** A worker refuses a model whose golden vectors do not fit, and what is registered cannot be mended. */
function requireGolden(bytes: Uint8Array, inputs: Port[], outputs: Port[]): void {
  for (const [i, vector] of golden(bytes).entries()) {
    for (const [ports, tensors] of [
      [inputs, vector.inputs],
      [outputs, vector.outputs],
    ] as const) {
      for (const port of ports) {
        const tensor = tensors.get(port.name);
        if (!tensor) throw new UserError(`--golden has no ${port.name} in vector ${i}: the signatures name it`);
        requireFit(port, tensor);
      }
    }
  }
}

function golden(bytes: Uint8Array) {
  try {
    return readGolden(bytes);
  } catch (error) {
    throw new UserError(`--golden holds no golden vectors: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** What limits a proof, by profile. */
const LIMITS: Readonly<Record<string, string>> = {
  Canonical: ", on a processor that adds in the graph's order: any, if the file names the runtime wasm",
  [TOLERANCE]: `; it lets pass ${LETS_PASS}`,
};

/** Who decides whether a result of the model is wrong, and what that is worth. */
async function judgeOf({ contracts: { disputes }, deployment }: Session, profile: bigint): Promise<string> {
  const arbiter = await disputes.arbiterOf(profile);
  if (arbiter === deployment.court) {
    return `proof court: one honest party is enough${LIMITS[PROFILES[Number(profile)] ?? ""] ?? ""}`;
  }
  if (arbiter === deployment.jury) return "jury: sound under an honest majority of jurors only";
  return arbiter === ZeroAddress ? "nobody: results cannot be challenged" : arbiter;
}

async function summaryOf({ contracts: { models } }: Session, model: bigint): Promise<Fields> {
  const { inputSignature, outputSignature, licence } = await models.specOf(model);
  const { profile, royaltyBps, deprecated } = await models.factsOf(model);
  return {
    model,
    profile: named(PROFILES, profile),
    royalty: percent(royaltyBps),
    deprecated,
    owner: await models.ownerOf(model),
    input: inputSignature,
    output: outputSignature,
    licence,
  };
}
