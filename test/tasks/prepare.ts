import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { ChildRuntime } from "@assay/provider-worker";
import { readManifest, runtimeOf, verifyManifest } from "@assay/sdk";
import { expect } from "chai";

import { prepare } from "../../tasks/actions/prepare.js";
import { prepareTasks } from "../../tasks/prepare.js";
import { UserError } from "../../tasks/support/errors.js";
import { LETS_PASS } from "../../tasks/support/names.js";

const models = path.resolve(import.meta.dirname, "../../models");

describe("model:prepare", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "assay-prepare-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const given = (changes: object) => ({
    file: path.join(models, "digits_cnn_int8_static.onnx"),
    out: path.join(folder, "prepared"),
    dim: "N=1",
    stripSoftmax: true,
    argMaxOfLogits: true,
    tolerance: false,
    runtime: "native",
    golden: "2",
    json: true,
    ...changes,
  });
  const refused = async (changes: object): Promise<string> => {
    try {
      await prepare(given(changes));
    } catch (error) {
      expect(error).to.be.instanceOf(UserError);
      return (error as UserError).message;
    }
    throw new Error("it was accepted");
  };

  it("is a task that takes what its action reads", () => {
    const [task] = prepareTasks;
    expect(task?.id).to.deep.equal(["model:prepare"]);
    const known = Object.keys((task as { options: object }).options);
    expect(known).to.have.members(Object.keys(given({})));
  });

  it("writes a model, golden vectors and a manifest that is true", async () => {
    const report = await prepare(given({}));
    const read = (name: string) => new Uint8Array(readFileSync(path.join(folder, "prepared", name)));
    const manifest = readManifest(new TextDecoder().decode(read("manifest.json")));
    const runtime = new ChildRuntime({ timeoutMs: 60_000, memoryMb: 1000 });
    const files = { golden: read("golden.safetensors"), original: new Uint8Array(readFileSync(given({}).file)) };
    const { commitment } = await verifyManifest(read("model.onnx"), manifest, runtime, files);
    expect(report).to.deep.include({
      profile: "Exact",
      graphCommitment: commitment,
      fileHash: manifest.files.prepared,
      goldenHash: manifest.files.golden,
      input: "x:float32[1,1,8,8]",
      output: "logits:float32[1,10];label:int64[1]",
    });
  });

  it("makes a model whose sums may be taken in any order, and says what that lets pass", async () => {
    const report = await prepare(given({ file: path.join(models, "digits_cnn_fp32.onnx"), tolerance: true }));
    const text = readFileSync(path.join(folder, "prepared/manifest.json"), "utf8");
    expect(readManifest(text)).to.nested.include({ "options.tolerance": true, "profile.kind": "Tolerance" });
    expect(report).to.include({ profile: "Tolerance", letsPass: LETS_PASS });
  });

  it("makes a model that everybody runs by WebAssembly", async () => {
    const report = await prepare(given({ file: path.join(models, "digits_cnn_fp32.onnx"), runtime: "wasm" }));
    const text = readFileSync(path.join(folder, "prepared/manifest.json"), "utf8");
    const profile = { "profile.kind": "Canonical", "profile.runtime": "onnxruntime-web", "profile.version": "1.30.0" };
    expect(readManifest(text)).to.nested.include({ "options.runtime": "wasm", ...profile });
    expect(report).to.include({ profile: "Canonical", runtime: "onnxruntime-web 1.30.0" });
    expect(runtimeOf(new Uint8Array(readFileSync(path.join(folder, "prepared/model.onnx"))))).to.equal("wasm");
  });

  it("knows no other runtimes", async () => {
    expect(await refused({ runtime: "cuda" })).to.equal('--runtime is "cuda": give one of native, wasm');
  });

  it("says nothing of what it lets pass where all sums are integers", async () => {
    const report = await prepare(given({ tolerance: true }));
    expect(report).to.include({ profile: "Exact" }).and.not.have.property("letsPass");
  });

  it("says everything that keeps a model from being judged", async () => {
    const message = await refused({ file: path.join(models, "digits_mlp_int8_dynamic.onnx"), stripSoftmax: false });
    for (const name of ["aq0", "aq1", "aq2", "mi0", "mi1", "mi2", "probabilities"])
      expect(message).to.include(`"${name}"`);
    const [first, ...problems] = message.split("\n");
    expect(first).to.equal("the model cannot be judged by proof:");
    for (const problem of problems) expect(problem).to.match(/^- \w+ ".+": /);
    expect(problems).to.have.lengthOf.at.least(5);
  });

  it("names the option that lets a model through which it refuses", async () => {
    const file = path.join(models, "digits_mlp_int8_static.onnx");
    for (const [change, option] of [
      [{ stripSoftmax: false }, "--strip-softmax"],
      [{ stripSoftmax: false }, "--tolerance"],
      [{ argMaxOfLogits: false }, "--arg-max-of-logits"],
      [{ dim: "" }, "--dim N=1"],
    ] as const)
      expect(await refused({ file, ...change })).to.include(option);
  });

  it("says what is wrong with its options", async () => {
    expect(await refused({ dim: "N" })).to.include("--dim");
    expect(await refused({ dim: "N=0" })).to.include("--dim");
    expect(await refused({ file: undefined })).to.include("--file");
    expect(await refused({ out: "" })).to.include("--out");
    expect(await refused({ file: path.join(models, "README.md") })).to.include("not an ONNX file");
  });
});
