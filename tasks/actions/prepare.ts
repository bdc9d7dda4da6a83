import { mkdirSync } from "node:fs";
import path from "node:path";

import { ChildRuntime, goldenVectors, MAX_GOLDEN_VECTORS, writeGolden } from "@assay/provider-worker";
import type { PreparedModel, RuntimeName } from "@assay/sdk";
import { contentHash, initHash, makeManifest, prepareModel, RUNTIMES, writeManifest } from "@assay/sdk";

import { presentable, UserError } from "../support/errors.js";
import { readBytes, writeBytes } from "../support/files.js";
import { RUN_LIMITS } from "../support/manifest.js";
import { LETS_PASS } from "../support/names.js";
import { bounded, oneOf, required, whole } from "../support/parse.js";
import type { Fields, Report } from "../support/report.js";
import { print } from "../support/report.js";
import { signatureOf } from "../support/signature.js";

interface PrepareArguments {
  file?: string;
  out?: string;
  dim?: string;
  stripSoftmax: boolean;
  argMaxOfLogits: boolean;
  tolerance: boolean;
  runtime: string;
  golden: string;
  json: boolean;
}

export async function prepare(given: PrepareArguments): Promise<Report> {
  try {
    await initHash();
    const folder = required("--out", given.out);
    const count = bounded("--golden", whole("--golden", given.golden), 1n, BigInt(MAX_GOLDEN_VECTORS));
    const child = new ChildRuntime(RUN_LIMITS);
    const { stripSoftmax, argMaxOfLogits, tolerance } = given;
    const options = {
      dims: dimsOf(given.dim),
      stripSoftmax,
      argMaxOfLogits,
      tolerance,
      runtime: runtimeOf(given.runtime),
    };
    const prepared = await prepareModel(readBytes("--file", required("--file", given.file)), options, child);
    const golden = await goldenVectors(prepared.model, Number(count), child);
    const goldenFile = writeGolden(golden);
    mkdirSync(folder, { recursive: true });
    const write = (name: string, bytes: Uint8Array) => {
      writeBytes("--out", path.join(folder, name), bytes);
    };
    write("model.onnx", prepared.model.file);
    write("golden.safetensors", goldenFile);
    write("manifest.json", new TextEncoder().encode(writeManifest(makeManifest(prepared, goldenFile))));
    const report = reportOf(prepared, contentHash(goldenFile));
    print(report, given.json);
    return report;
  } catch (error) {
    throw presentable(error);
  }
}

function runtimeOf(given: string): RuntimeName {
  return RUNTIMES[oneOf("--runtime", given, RUNTIMES)] as RuntimeName;
}

/** Parses `N=1,M=2`. */
function dimsOf(text: string | undefined): Record<string, number> {
  if (text === undefined || text === "") return {};
  const entries = text.split(",").map((part): [string, number] => {
    const { name, length } = /^(?<name>.+)=(?<length>[1-9]\d{0,8})$/.exec(part.trim())?.groups ?? {};
    if (!name || !length)
      throw new UserError(`--dim has ${JSON.stringify(part)}: give a name and a length, such as N=1`);
    return [name, Number(length)];
  });
  return Object.fromEntries(entries);
}

function reportOf({ model, changes }: PreparedModel, goldenHash: string): Fields {
  const { graph, inputNames, outputNames } = model;
  return {
    profile: model.profile.kind,
    runtime: `${model.profile.runtime} ${model.profile.version}`,
    ...(model.profile.kind === "Tolerance" ? { letsPass: LETS_PASS } : {}),
    graphCommitment: model.commitment,
    fileHash: graph.fileHash,
    goldenHash,
    nodes: graph.nodeCount,
    input: signatureOf(inputNames, graph.inputs),
    output: signatureOf(outputNames, graph.outputs),
    changes,
  };
}
