import { readFile, writeFile } from "node:fs/promises";
import {
  BUNDLE_V1,
  bundleRoot,
  commitTensor,
  DTYPE_NAMES,
  dtypeSize,
  elementCount,
  fromHex,
  initHash,
  LEAF_BYTES,
  makeTensor,
  proveLeaf,
  TENSOR_V1,
  toHex,
  type DType,
  type TensorCommitment,
} from "../sdk/src/tensor/index.js";

// Writes the vectors that every implementation of docs/COMMITMENTS.md must reproduce; `--check` only compares.
const FILE = new URL("../test/vectors/tensor-commitments.json", import.meta.url);

await initHash();
const commitments = new Map<string, TensorCommitment>();
const tensors: object[] = [];

/** `ramp` stands for the bytes i mod 251, which keeps large vectors small. */
function add(name: string, dtype: DType, dims: number[], source: { data: string } | "ramp", canonical = false): void {
  const bytes = elementCount(dims) * dtypeSize(dtype);
  const data = source === "ramp" ? Uint8Array.from({ length: bytes }, (_, i) => i % 251) : fromHex(source.data);
  const commitment = commitTensor(makeTensor(dtype, dims, data));
  const { header, root, tensor } = commitment;
  commitments.set(name, commitment);
  const given = source === "ramp" ? { ramp: bytes } : { data: source.data };
  tensors.push({ name, dtype, dims, ...given, ...(canonical && { canonical: toHex(tensor.data) }), header, root });
}

for (const dtype of DTYPE_NAMES) {
  if (dtype === "bool") add("dtype bool", dtype, [2, 3], { data: "0x000101000001" });
  else add(`dtype ${dtype}`, dtype, [2, 3], "ramp");
}
for (let rank = 0; rank <= 8; rank++) {
  add(
    `rank ${rank}`,
    "int16",
    Array.from({ length: rank }, (_, axis) => (axis % 2) + 1),
    "ramp",
  );
}
add("empty vector", "float32", [0], { data: "0x" });
add("empty matrix", "float32", [3, 0], { data: "0x" });
add("empty with huge dims", "int64", [4294967295, 0, 4294967295], { data: "0x" });
add("one byte", "uint8", [1], { data: "0x00" });
add("one byte of rank 0", "uint8", [], { data: "0x00" });
add("as long as an inner node", "uint8", [64], "ramp");
for (const length of [1023, 1024, 1025, 2047, 2048, 2049]) add(`bytes ${length}`, "uint8", [length], "ramp");
for (const leaves of [3, 4, 5, 6, 7, 8, 9, 13, 16, 17]) add(`leaves ${leaves}`, "int32", [leaves, 256], "ramp");
add("last leaf partial", "int64", [5, 129], "ramp");
add("trailing zeros are not padding", "uint8", [4], { data: "0x01000000" });
add("without trailing zeros", "uint8", [1], { data: "0x01" });

// Quiet, signalling, negative and payload NaNs; infinities, zeros of both signs and subnormals stay.
const f32 = "0000c07f0000c0ff0100807f010080ffffffff7fefbeeddf0000807f000080ff0000000000000080010000000000803f";
add("nan float32", "float32", [12], { data: `0x${f32}` }, true);
const f64 =
  "000000000000f87f000000000000f8ff010000000000f07f0000000001000000000000000000f07f000000000000f0ff" +
  "0000000000000080efbeaddeffffffff";
add("nan float64", "float64", [8], { data: `0x${f64}` }, true);
add("nan float16", "float16", [7], { data: "0x007e00fe017cfffd007c00fc0080" }, true);
add("no nan in integers", "uint32", [2], { data: "0xffffffff0000c0ff" }, true);

const proofs = [
  "one byte",
  "bytes 1024",
  "bytes 1025",
  "leaves 3",
  "leaves 7",
  "leaves 13",
  "last leaf partial",
].flatMap((name) => {
  const commitment = commitments.get(name) as TensorCommitment;
  return Array.from({ length: commitment.tree.leafCount }, (_, index) => {
    return { tensor: name, index, proof: proveLeaf(commitment, index).proof };
  });
});

const bundles = [
  [],
  [["x", "dtype float32"]],
  [
    ["input_ids", "dtype int64"],
    ["attention_mask", "dtype bool"],
    ["émbedding/名前:0", "leaves 7"],
  ],
  [
    ["attention_mask", "dtype bool"],
    ["input_ids", "dtype int64"],
    ["émbedding/名前:0", "leaves 7"],
  ],
  [
    ["", "rank 0"],
    ["a", "rank 0"],
    ["none", "empty vector"],
  ],
].map((pairs) => {
  const entries = pairs.map(([name, tensor]) => ({ name: name as string, tensor: tensor as string }));
  const roots = entries.map(({ name, tensor }) => ({ name, root: (commitments.get(tensor) as TensorCommitment).root }));
  return { entries, root: bundleRoot(roots) };
});

const vectors = { constants: { TENSOR_V1, BUNDLE_V1, LEAF_BYTES }, tensors, proofs, bundles };
const text = `${JSON.stringify(vectors, null, 1)}\n`;
if (process.argv.includes("--check")) {
  if ((await readFile(FILE, "utf8")) !== text) {
    console.error("test/vectors/tensor-commitments.json is not what the code yields");
    process.exitCode = 1;
  }
} else {
  await writeFile(FILE, text);
}
