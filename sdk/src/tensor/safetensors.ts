import { utf8 } from "./bytes.js";
import { DTYPES, dtypeFromSafetensors, dtypeSize } from "./dtype.js";
import { TensorError } from "./errors.js";
import { parseStrictJson, type JsonValue } from "./strictJson.js";
import { makeTensor, validateTensor, type Tensor } from "./tensor.js";

export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

export interface SafetensorsLimits {
  /** Of the whole file. */
  readonly maxBytes?: number;
  readonly maxHeaderBytes?: number;
  /** As many as the header has room for, unless told otherwise. */
  readonly maxTensors?: number;
}

const MAX_BYTES = 100_000_000;
const MAX_HEADER_BYTES = 1_000_000;
const METADATA = "__metadata__";

interface Entry {
  readonly name: string;
  readonly tensor: Tensor;
  readonly begin: number;
  readonly end: number;
}

/**
 * The tensors share the memory of `file`. Beyond the format's own rules a file may not hold duplicate
 * names, holes, overlaps or bytes after the last tensor, so nothing can hide in it.
 */
export function parseSafetensors(file: Uint8Array, limits: SafetensorsLimits = {}): SafetensorsFile {
  const { maxBytes = MAX_BYTES, maxHeaderBytes = MAX_HEADER_BYTES, maxTensors = Infinity } = limits;
  if (file.length > maxBytes) throw new TensorError("TOO_LARGE", `${file.length} bytes exceed ${maxBytes}`);
  if (file.length < 8) throw bad("shorter than its length field");
  const headerBytes = new DataView(file.buffer, file.byteOffset).getBigUint64(0, true);
  if (headerBytes > BigInt(maxHeaderBytes)) {
    throw new TensorError("TOO_LARGE", `header of ${headerBytes} bytes exceeds ${maxHeaderBytes}`);
  }
  const dataAt = 8 + Number(headerBytes);
  if (dataAt > file.length) throw bad("header reaches beyond the file");

  const header = parseHeader(file.subarray(8, dataAt));
  const metadata = parseMetadata(header.get(METADATA));
  header.delete(METADATA);
  if (header.size > maxTensors) throw new TensorError("TOO_LARGE", `${header.size} tensors exceed ${maxTensors}`);
  const data = file.subarray(dataAt);
  const entries = [...header].map(([name, value]) => parseEntry(name, value, data));
  requireGapless(entries, data.length);
  return { tensors: new Map(entries.map(({ name, tensor }) => [name, tensor])), metadata };
}

function bad(what: string): TensorError {
  return new TensorError("BAD_FILE", `safetensors: ${what}`);
}

function parseHeader(bytes: Uint8Array): Map<string, JsonValue> {
  if (bytes[0] !== 0x7b) throw bad("header does not start with {");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw bad("header is not UTF-8");
  }
  return parseStrictJson(text) as Map<string, JsonValue>;
}

function parseMetadata(value: JsonValue | undefined): Map<string, string> {
  const metadata = new Map<string, string>();
  if (value === undefined) return metadata;
  if (!(value instanceof Map)) throw bad(`${METADATA} is not an object`);
  for (const [key, entry] of value) {
    if (typeof entry !== "string") throw bad(`${METADATA} entry ${JSON.stringify(key)} is not a string`);
    metadata.set(key, entry);
  }
  return metadata;
}

function parseEntry(name: string, value: JsonValue, data: Uint8Array): Entry {
  const label = `tensor ${JSON.stringify(name)}`;
  utf8(name);
  if (!(value instanceof Map)) throw bad(`${label} is not an object`);
  const unknown = [...value.keys()].find((key) => !["dtype", "shape", "data_offsets"].includes(key));
  if (unknown !== undefined) throw bad(`${label} has an unknown field ${JSON.stringify(unknown)}`);
  const dtype = value.get("dtype");
  if (typeof dtype !== "string") throw bad(`${label} has no dtype`);
  const shape = integers(value.get("shape"), `${label}: shape`);
  const offsets = integers(value.get("data_offsets"), `${label}: data_offsets`);
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined || offsets.length !== 2) throw bad(`${label}: data_offsets is no pair`);
  if (begin > end || end > data.length) throw bad(`${label}: data_offsets outside the file`);
  return { name, begin, end, tensor: makeTensor(dtypeFromSafetensors(dtype), shape, data.subarray(begin, end)) };
}

function integers(value: JsonValue | undefined, label: string): number[] {
  if (!Array.isArray(value)) throw bad(`${label} is not an array`);
  return value.map((item) => {
    if (typeof item !== "number" || !Number.isSafeInteger(item) || item < 0 || Object.is(item, -0)) {
      throw bad(`${label} holds something else than counts`);
    }
    return item;
  });
}

function requireGapless(entries: readonly Entry[], dataBytes: number): void {
  let position = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== position) throw bad(`${begin > position ? "hole" : "overlap"} before tensor ${JSON.stringify(name)}`);
    position = end;
  }
  if (position !== dataBytes) throw bad(`${dataBytes - position} bytes after the last tensor`);
}

/** One set of tensors gives one file: wide dtypes first (which aligns them), then by name, as the reference does. */
export function serialiseSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array {
  const ordered = [...tensors].sort(
    ([a, { dtype: x }], [b, { dtype: y }]) => dtypeSize(y) - dtypeSize(x) || (a < b ? -1 : 1),
  );
  const fields: string[] = [];
  if (metadata.size > 0) {
    const sorted = [...metadata].sort(([a], [b]) => (a < b ? -1 : 1));
    fields.push(`${JSON.stringify(METADATA)}:{${sorted.map((pair) => pair.map(quote).join(":")).join(",")}}`);
  }
  let position = 0;
  for (const [name, tensor] of ordered) {
    if (name === METADATA) throw new TensorError("BAD_NAME", `${METADATA} cannot name a tensor`);
    validateTensor(tensor);
    const end = position + tensor.data.length;
    const { safetensors: dtype } = DTYPES[tensor.dtype];
    fields.push(`${quote(name)}:${JSON.stringify({ dtype, shape: tensor.dims, data_offsets: [position, end] })}`);
    position = end;
  }
  const json = utf8(`{${fields.join(",")}}`);
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + headerBytes + position).fill(0x20, 8, 8 + headerBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.set(json, 8);
  let at = 8 + headerBytes;
  for (const [, { data }] of ordered) {
    file.set(data, at);
    at += data.length;
  }
  return file;
}

/** `JSON.stringify` would hide a lone surrogate behind an escape. */
function quote(text: string): string {
  utf8(text);
  return JSON.stringify(text);
}
