import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  canonicaliseNaN,
  DTYPE_NAMES,
  DTYPES,
  dtypeFromOip,
  dtypeFromOnnx,
  dtypeFromOrt,
  dtypeFromSafetensors,
  fromFloat32Array,
  fromNumbers,
  fromTypedArray,
  makeTensor,
  toFloat32Array,
  toHex,
  toTypedArray,
  validateTensor,
  type DType,
} from "../../src/tensor/index.js";

describe("dtypes", () => {
  it("finds each by every name", () => {
    for (const dtype of DTYPE_NAMES) {
      const { onnx, safetensors, oip } = DTYPES[dtype];
      assert.equal(dtypeFromOnnx(onnx), dtype);
      assert.equal(dtypeFromSafetensors(safetensors), dtype);
      assert.equal(dtypeFromOip(oip), dtype);
      assert.equal(dtypeFromOrt(dtype), dtype);
    }
  });

  it("refuses the rest", () => {
    assert.throws(() => dtypeFromOnnx(8), { code: "BAD_DTYPE" });
    assert.throws(() => dtypeFromSafetensors("BF16"), { code: "BAD_DTYPE" });
    assert.throws(() => dtypeFromOip("BYTES"), { code: "BAD_DTYPE" });
    assert.throws(() => dtypeFromOrt("string"), { code: "BAD_DTYPE" });
    assert.throws(() => dtypeFromOrt("constructor"), { code: "BAD_DTYPE" });
  });
});

describe("validation", () => {
  const bytes = (length: number): Uint8Array => new Uint8Array(length);

  it("takes scalars, empty tensors and rank 8", () => {
    makeTensor("float32", [], bytes(4));
    makeTensor("float32", [0, 4294967295], bytes(0));
    makeTensor("uint8", [1, 1, 1, 1, 2, 1, 1, 1], bytes(2));
  });

  it("refuses what does not fit, and says why", () => {
    assert.throws(() => makeTensor("float32", [2, 3], bytes(23)), {
      code: "BAD_LENGTH",
      message: "float32[2,3] takes 24 bytes, got 23",
    });
    assert.throws(() => makeTensor("float32", [], bytes(0)), { code: "BAD_LENGTH" });
    assert.throws(() => makeTensor("uint8", Array<number>(9).fill(1), bytes(1)), { code: "BAD_DIMS" });
    for (const dim of [-1, 1.5, NaN, Infinity, 2 ** 32]) {
      assert.throws(() => makeTensor("uint8", [dim, 0], bytes(0)), { code: "BAD_DIMS" });
    }
    assert.throws(() => makeTensor("uint8", Array<number>(8).fill(2 ** 32 - 1), bytes(1)), { code: "BAD_LENGTH" });
    assert.throws(() => makeTensor("string" as DType, [], bytes(1)), { code: "BAD_DTYPE" });
    assert.throws(() => makeTensor("bool", [2], Uint8Array.of(1, 2)), { code: "BAD_VALUE", message: /element 1 is 2/ });
  });

  it("keeps its own dims", () => {
    const dims = [2];
    const tensor = makeTensor("uint8", dims, bytes(2));
    dims[0] = 3;
    validateTensor(tensor);
  });
});

describe("conversion", () => {
  it("is little-endian", () => {
    assert.equal(toHex(fromFloat32Array(Float32Array.of(1, -2)).data), "0x0000803f000000c0");
    assert.equal(toHex(fromNumbers("int64", [1], [-2n]).data), "0xfeffffffffffffff");
  });

  it("round-trips every dtype, aligned or not", () => {
    for (const dtype of DTYPE_NAMES.filter((name) => name !== "float16")) {
      const tensor = fromNumbers(dtype, [3], [0, 1, 1]);
      const shifted = new Uint8Array(tensor.data.length + 1).subarray(1);
      shifted.set(tensor.data);
      for (const each of [tensor, makeTensor(dtype, [3], shifted)]) {
        const array = toTypedArray(each);
        assert.deepEqual([...array].map(Number), [0, 1, 1]);
        assert.deepEqual(fromTypedArray(dtype, [3], array).data, tensor.data);
      }
    }
    assert.deepEqual(toTypedArray(fromTypedArray("float16", [1], Uint16Array.of(0x3c00))), Uint16Array.of(0x3c00));
  });

  it("reads the middle of a buffer", () => {
    const whole = Float32Array.of(9, 1, 2, 9);
    assert.deepEqual(toFloat32Array(fromFloat32Array(whole.subarray(1, 3))), Float32Array.of(1, 2));
    assert.throws(() => toFloat32Array(fromNumbers("int32", [1], [1])), { code: "BAD_DTYPE" });
  });

  it("refuses numbers the dtype cannot hold", () => {
    const bad: [DType, number | bigint | boolean][] = [
      ["uint8", 256],
      ["uint8", -1],
      ["int8", 128],
      ["int16", 1.5],
      ["int32", NaN],
      ["uint32", 2 ** 32],
      ["int64", 2n ** 63n],
      ["uint64", -1n],
      ["int64", 2 ** 53],
      ["bool", 2],
      ["float32", 1e39],
    ];
    for (const [dtype, value] of bad) {
      assert.throws(() => fromNumbers(dtype, [1], [value]), { code: "BAD_VALUE" }, `${dtype} ${value}`);
    }
    assert.throws(() => fromNumbers("float16", [1], [1]), { code: "BAD_DTYPE" });
    assert.throws(() => fromTypedArray("float32", [1], Int32Array.of(1) as never), { code: "BAD_DTYPE" });
    assert.deepEqual([...toTypedArray(fromNumbers("bool", [2], [true, false]))], [1, 0]);
    assert.deepEqual([...toFloat32Array(fromNumbers("float32", [2], [Infinity, NaN]))], [Infinity, NaN]);
  });
});

describe("NaN", () => {
  it("is made canonical in a copy", () => {
    const tensor = fromTypedArray("float32", [2], Float32Array.of(NaN, 1));
    new DataView(tensor.data.buffer).setUint32(0, 0xffc12345, true);
    const before = toHex(tensor.data);
    assert.equal(toHex(canonicaliseNaN(tensor).data), "0x0000c07f0000803f");
    assert.equal(toHex(tensor.data), before);
  });

  it("leaves a tensor without odd NaNs as it is", () => {
    for (const dtype of DTYPE_NAMES) {
      const tensor = makeTensor(dtype, [4], new Uint8Array(4 * DTYPES[dtype].bytes));
      assert.equal(canonicaliseNaN(tensor), tensor);
    }
    const canonical = fromFloat32Array(Float32Array.of(NaN, Infinity, -0));
    assert.equal(canonicaliseNaN(canonical), canonical);
  });

  it("tells every float16 apart", () => {
    const all = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
    const out = toTypedArray({ ...canonicaliseNaN(fromTypedArray("float16", [65536], all)), dtype: "float16" });
    out.forEach((bits, i) => {
      const isNaN16 = (i & 0x7c00) === 0x7c00 && (i & 0x3ff) !== 0;
      assert.equal(bits, isNaN16 ? 0x7e00 : i);
    });
  });
});

describe("a tensor out of a Buffer at an odd offset", () => {
  it("reads as numbers", () => {
    const bytes = Buffer.alloc(9);
    bytes.writeFloatLE(1.5, 1);
    bytes.writeFloatLE(-2, 5);
    const tensor = makeTensor("float32", [2], bytes.subarray(1));
    assert.deepEqual([...toFloat32Array(tensor)], [1.5, -2]);
  });
});
