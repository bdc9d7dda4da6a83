import { isHexString } from "ethers";

import { AssayError } from "./errors.js";
import type { SignedResult } from "./result.js";
import { jobIdText } from "./terms.js";
import type { BundleFile } from "./tensor/bundleFile.js";
import { unpackBundle } from "./tensor/bundleFile.js";

const TIMEOUT_MS = 30_000;
/** What a worker takes at the slowest: 50 kB/s. */
const BYTES_PER_MS = 50;
const MAX_BYTES = 100_000_000;
const MAX_RESULT_BYTES = 10_000;

/** Where tensors with a commitment lie in a worker's content store. */
export function tensorsUri(endpoint: string, commitment: string): string {
  return `${endpoint.replace(/\/$/, "")}/tensors/${commitment}`;
}

/**
 * Uploads a job's input to a worker's content store, as slowly as the worker takes it at most. `endpoint` is the provider's, from `ProviderRegistry`.
 */
export async function uploadTensors(endpoint: string, bundle: BundleFile, signal?: AbortSignal): Promise<void> {
  const uri = tensorsUri(endpoint, bundle.root);
  const body = new Uint8Array(bundle.bytes);
  const timeoutMs = TIMEOUT_MS + Math.ceil(body.length / BYTES_PER_MS);
  const response = await http(uri, { method: "PUT", body }, signal, timeoutMs);
  if (!response.ok) throw new AssayError(`${uri} refused the upload: ${response.status} ${await response.text()}`);
}

/** Downloads tensors and checks that they are what `commitment` says; nothing the server sends is believed. */
export async function downloadTensors(
  uri: string,
  commitment: string,
  { maxBytes = MAX_BYTES, signal }: { maxBytes?: number; signal?: AbortSignal } = {},
): Promise<BundleFile> {
  const response = await http(uri, { redirect: "error" }, signal);
  if (!response.ok)
    throw new AssayError(`${uri} answered ${response.status}: ask the provider, or challenge the result`);
  const bundle = unpackBundle(await read(response, uri, maxBytes), { maxBytes });
  if (bundle.root !== commitment) throw new AssayError(`${uri} holds ${bundle.root}, not ${commitment} as delivered`);
  return bundle;
}

/** What a provider signed for a job before or after it delivered; undefined if it has nothing. Not checked yet. */
export async function downloadResult(
  endpoint: string,
  jobId: bigint,
  signal?: AbortSignal,
): Promise<SignedResult | undefined> {
  const uri = `${endpoint.replace(/\/$/, "")}/results/${jobIdText(jobId)}`;
  const response = await http(uri, { redirect: "error" }, signal);
  if (response.status === 404) return undefined;
  if (!response.ok) throw new AssayError(`${uri} answered ${response.status}`);
  const text = new TextDecoder().decode(await read(response, uri, MAX_RESULT_BYTES));
  const [outputCommitment, signature] = hexOf(text, ["outputCommitment", "signature"]);
  if (!isHexString(outputCommitment, 32) || !isHexString(signature)) {
    throw new AssayError(`${uri} holds no signed result: the provider answers for nothing`);
  }
  return { jobId, outputCommitment, signature };
}

function hexOf(text: string, names: readonly string[]): unknown[] {
  try {
    const parsed = JSON.parse(text) as Record<string, unknown> | null;
    return names.map((name) => parsed?.[name]);
  } catch {
    return [];
  }
}

async function read(response: Response, uri: string, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    const bytes = chunk as Uint8Array;
    size += bytes.length;
    if (size > maxBytes) throw new AssayError(`${uri} has more than ${maxBytes} bytes: raise maxBytes to accept it`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

async function http(uri: string, init: RequestInit, signal?: AbortSignal, timeoutMs = TIMEOUT_MS): Promise<Response> {
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    return await fetch(uri, { ...init, signal: signal ? AbortSignal.any([deadline, signal]) : deadline });
  } catch (error) {
    throw new AssayError(`cannot reach ${uri}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
