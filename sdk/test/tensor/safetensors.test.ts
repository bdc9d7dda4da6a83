import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  fromNumbers,
  makeTensor,
  parseSafetensors,
  serialiseSafetensors,
  toHex,
  toTypedArray,
  type Tensor,
} from "../../src/tensor/index.js";
import { Random } from "./random.js";

function file(header: string | Uint8Array, data: Uint8Array = new Uint8Array()): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const out = new Uint8Array(8 + json.length + data.length);
  new DataView(out.buffer).setBigUint64(0, BigInt(json.length), true);
  out.set(json, 8);
  out.set(data, 8 + json.length);
  return out;
}

const entry = (dtype: string, shape: string, begin: number | string, end: number | string): string =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;

const bytes = (length: number): Uint8Array => new Uint8Array(length);

describe("safetensors", () => {
  it("reads a file as others write it", () => {
    const header = `{"__metadata__":{"by":"x"}, "b":${entry("I16", "[2]", 4, 8)},"a":${entry("F32", "[]", 0, 4)}}   `;
    const { tensors, metadata } = parseSafetensors(file(header, Uint8Array.of(0, 0, 128, 63, 1, 0, 255, 255)));
    assert.deepEqual([...metadata], [["by", "x"]]);
    assert.deepEqual([...tensors.keys()], ["b", "a"]);
    assert.deepEqual(toTypedArray(tensors.get("b") as Tensor), Int16Array.of(1, -1));
    assert.deepEqual(toTypedArray(tensors.get("a") as Tensor), Float32Array.of(1));
  });

  it("writes the known bytes", () => {
    const written = serialiseSafetensors(new Map([["x", fromNumbers("uint8", [2], [1, 2])]]), new Map([["k", "v"]]));
    const json = '{"__metadata__":{"k":"v"},"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}  ';
    assert.equal(json.length % 8, 0);
    assert.equal(toHex(written), toHex(file(json, Uint8Array.of(1, 2))));
  });

  it("round-trips random files, from any offset of a buffer", () => {
    const random = new Random(5);
    for (let round = 0; round < 100; round++) {
      const names = ["", "weights.0", "__proto__", "constructor", 'qu"ote\\\n', "名前", "😀", "z"].slice(
        random.below(8),
      );
      const tensors = new Map(names.map((name) => [name, random.tensor(500)]));
      const metadata = new Map(names.map((name) => [name, name + name]));
      const written = serialiseSafetensors(tensors, metadata);
      const shifted = new Uint8Array(written.length + 5).subarray(5);
      shifted.set(written);
      const read = parseSafetensors(shifted);
      assert.equal(read.tensors.size, tensors.size);
      assert.deepEqual(read.metadata.size, metadata.size);
      for (const [name, tensor] of tensors) {
        const { dtype, dims, data } = read.tensors.get(name) as Tensor;
        assert.deepEqual({ dtype, dims, data: toHex(data) }, { ...tensor, data: toHex(tensor.data) });
        assert.equal(read.metadata.get(name), name + name);
      }
      const reversed = new Map([...tensors].reverse());
      assert.equal(toHex(serialiseSafetensors(reversed, metadata)), toHex(written));
    }
  });

  it("refuses to write what it would not read", () => {
    const scalar = fromNumbers("uint8", [], [1]);
    assert.throws(() => serialiseSafetensors(new Map([["__metadata__", scalar]])), { code: "BAD_NAME" });
    assert.throws(() => serialiseSafetensors(new Map([["\udc00", scalar]])), { code: "BAD_NAME" });
    assert.throws(() => serialiseSafetensors(new Map([["a", { ...scalar, dims: [2] }]])), { code: "BAD_LENGTH" });
  });
});

describe("malicious safetensors", () => {
  const a = entry("U8", "[4]", 0, 4);
  const cases: [string, Uint8Array, string][] = [
    ["nothing", bytes(0), "BAD_FILE"],
    ["half a length field", bytes(7), "BAD_FILE"],
    ["no header", bytes(8), "BAD_FILE"],
    ["header beyond the file", Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d), "BAD_FILE"],
    ["header of 2^64-1", Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255, 0x7b, 0x7d), "TOO_LARGE"],
    ["leading space", file(" {}"), "BAD_FILE"],
    ["byte order mark", file("\ufeff{}"), "BAD_FILE"],
    ["not UTF-8", file(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), "BAD_FILE"],
    ["an array", file("[]"), "BAD_FILE"],
    ["open brace", file("{"), "BAD_FILE"],
    ["text after the end", file("{}x"), "BAD_FILE"],
    ["zero byte after the end", file("{}\0"), "BAD_FILE"],
    ["second object", file("{}{}"), "BAD_FILE"],
    ["trailing comma", file(`{"a":${a},}`, bytes(4)), "BAD_FILE"],
    ["unquoted key", file(`{a:${a}}`, bytes(4)), "BAD_FILE"],
    ["deep nesting", file(`{"a":${"[".repeat(100_000)}`), "BAD_FILE"],
    ["duplicate name", file(`{"a":${a},"a":${a}}`, bytes(4)), "BAD_FILE"],
    ["duplicate name, escaped", file(`{"a":${a},"\\u0061":${a}}`, bytes(4)), "BAD_FILE"],
    [
      "duplicate field",
      file('{"a":{"dtype":"U8","dtype":"I8","shape":[4],"data_offsets":[0,4]}}', bytes(4)),
      "BAD_FILE",
    ],
    ["unknown field", file('{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4],"x":1}}', bytes(4)), "BAD_FILE"],
    ["missing offsets", file('{"a":{"dtype":"U8","shape":[4]}}', bytes(4)), "BAD_FILE"],
    ["missing dtype", file('{"a":{"shape":[4],"data_offsets":[0,4]}}', bytes(4)), "BAD_FILE"],
    ["tensor is null", file('{"a":null}'), "BAD_FILE"],
    ["metadata not an object", file('{"__metadata__":[]}'), "BAD_FILE"],
    ["metadata not text", file('{"__metadata__":{"a":1}}'), "BAD_FILE"],
    ["unknown dtype", file(`{"a":${entry("F8_E5M2", "[4]", 0, 4)}}`, bytes(4)), "BAD_DTYPE"],
    ["inherited dtype", file(`{"a":${entry("toString", "[4]", 0, 4)}}`, bytes(4)), "BAD_DTYPE"],
    ["lone surrogate", file(`{"\\ud800":${a}}`, bytes(4)), "BAD_NAME"],
    ["negative dim", file(`{"a":${entry("U8", "[-4]", 0, 4)}}`, bytes(4)), "BAD_FILE"],
    ["negative zero dim", file(`{"a":${entry("U8", "[-0]", 0, 0)}}`), "BAD_FILE"],
    ["fractional dim", file(`{"a":${entry("U8", "[4.5]", 0, 4)}}`, bytes(4)), "BAD_FILE"],
    ["text dim", file(`{"a":${entry("U8", '["4"]', 0, 4)}}`, bytes(4)), "BAD_FILE"],
    ["overflowing dims", file(`{"a":${entry("U8", "[4294967296,4294967296]", 0, 4)}}`, bytes(4)), "BAD_DIMS"],
    ["rank 9", file(`{"a":${entry("U8", "[1,1,1,1,1,1,1,1,4]", 0, 4)}}`, bytes(4)), "BAD_DIMS"],
    ["shape larger than bytes", file(`{"a":${entry("F32", "[4]", 0, 4)}}`, bytes(4)), "BAD_LENGTH"],
    ["offsets beyond the file", file(`{"a":${entry("U8", "[5]", 0, 5)}}`, bytes(4)), "BAD_FILE"],
    ["huge offsets", file(`{"a":${entry("U8", "[4]", "18446744073709551615", 4)}}`, bytes(4)), "BAD_FILE"],
    ["reversed offsets", file(`{"a":${entry("U8", "[4]", 4, 0)}}`, bytes(4)), "BAD_FILE"],
    ["three offsets", file('{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4,4]}}', bytes(4)), "BAD_FILE"],
    ["overlap", file(`{"a":${a},"b":${entry("U8", "[4]", 2, 6)}}`, bytes(6)), "BAD_FILE"],
    ["shared bytes", file(`{"a":${a},"b":${a}}`, bytes(4)), "BAD_FILE"],
    ["hole at the start", file(`{"a":${entry("U8", "[4]", 1, 5)}}`, bytes(5)), "BAD_FILE"],
    ["hole between", file(`{"a":${a},"b":${entry("U8", "[1]", 5, 6)}}`, bytes(6)), "BAD_FILE"],
    ["bytes at the end", file(`{"a":${a}}`, bytes(5)), "BAD_FILE"],
    ["bool of 2", file(`{"a":${entry("BOOL", "[1]", 0, 1)}}`, Uint8Array.of(2)), "BAD_VALUE"],
  ];
  for (const [name, content, code] of cases) {
    it(`refuses ${name}`, () => assert.throws(() => parseSafetensors(content), { name: "TensorError", code }));
  }

  it("keeps the limits it is given", () => {
    const valid = serialiseSafetensors(new Map([["a", makeTensor("uint8", [100], bytes(100))]]));
    parseSafetensors(valid, { maxBytes: valid.length });
    assert.throws(() => parseSafetensors(valid, { maxBytes: valid.length - 1 }), { code: "TOO_LARGE" });
    assert.throws(() => parseSafetensors(valid, { maxHeaderBytes: 10 }), { code: "TOO_LARGE" });
  });

  it("throws nothing but its own errors on mutated files", () => {
    const random = new Random(6);
    const tensors = new Map([
      ["a", random.tensor(64)],
      ["b", random.tensor(64)],
    ]);
    const valid = serialiseSafetensors(tensors, new Map([["k", "v"]]));
    for (let round = 0; round < 3000; round++) {
      const mutated = valid.slice(0, random.below(8) === 0 ? random.below(valid.length) : valid.length);
      for (let change = random.below(3); change >= 0 && mutated.length > 0; change--) {
        mutated[random.below(mutated.length)] = random.pick([random.below(256), 0x22, 0x7b, 0x7d, 0x30, 0x2d]);
      }
      try {
        parseSafetensors(mutated);
      } catch (error) {
        assert.equal((error as Error).name, "TensorError", String(error));
      }
    }
  });
});
