import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";

import ts from "typescript";

import type { Tensor } from "../src/index.js";
import { ContractRevertError, fromFloat32Array, packBundle, unpackBundle } from "../src/index.js";

const FOLDER = path.resolve(import.meta.dirname, "..");
const ENTRY = path.join(FOLDER, "src/index.ts");
const readme = readFileSync(path.join(FOLDER, "README.md"), "utf8");
/** Examples by the heading they stand under. */
const examples = new Map(
  [...readme.matchAll(/^## (.+)\n(?:(?!^## )[\s\S])*?^```ts\n([\s\S]*?)^```$/gm)].map(([, title = "", code = ""]) => [
    title,
    code,
  ]),
);

function exampleOf(title: string): string {
  const code = examples.get(title);
  assert.ok(code, `the README has no example under ${title}`);
  return code;
}

/** What TypeScript has against an example, in the strict settings of this repository. */
function complaints(title: string, code: string): string[] {
  const base = ts.readConfigFile(path.join(FOLDER, "../tsconfig.base.json"), (file) => ts.sys.readFile(file));
  const { options } = ts.convertCompilerOptionsFromJson(
    (base.config as { compilerOptions: unknown }).compilerOptions,
    FOLDER,
  );
  const file = path.join(FOLDER, "test", `${title.replace(/\W+/g, "-")}.ts`);
  const settings = { ...options, noEmit: true, paths: { "@assay/sdk": [ENTRY] } };
  const host = ts.createCompilerHost(settings);
  const readSource = host.getSourceFile.bind(host);
  host.fileExists = (name) => name === file || ts.sys.fileExists(name);
  host.getSourceFile = (name, options) =>
    name === file ? ts.createSourceFile(name, code, options) : readSource(name, options);
  const program = ts.createProgram([file], settings, host);
  return ts
    .getPreEmitDiagnostics(program, program.getSourceFile(file))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, " "));
}

/** Runs an example and returns one of the names it declares. */
async function run<T>(title: string, name: string): Promise<T> {
  const code = exampleOf(title).replaceAll(`"@assay/sdk"`, JSON.stringify(pathToFileURL(ENTRY).href));
  const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023, verbatimModuleSyntax: true };
  const { outputText } = ts.transpileModule(`${code}\nexport { ${name} };`, { compilerOptions: options });
  const module = (await import(`data:text/javascript,${encodeURIComponent(outputText)}`)) as Record<string, T>;
  return module[name] as T;
}

describe("The README's examples", () => {
  it("are six", () => {
    assert.equal(examples.size, 6);
  });

  for (const [title, code] of examples) {
    it(`compile against the API: ${title}`, () => {
      assert.deepEqual(complaints(title, code), []);
    });
  }

  it("do not compile against another API", () => {
    const code = exampleOf("Buy an inference").replace("waitForDelivery", "waitForever");
    assert.match(complaints("broken", code).join(), /waitForever/);
  });

  it("pack an input whose file commits to the same root", async () => {
    const input = await run<ReturnType<typeof packBundle>>("Commit to tensors", "input");
    assert.equal(unpackBundle(input.bytes).root, input.root);
  });

  it("take a file for what it commits to and for nothing else", async () => {
    type Check = (file: Uint8Array, commitment: string) => ReadonlyMap<string, Tensor>;
    const checked = await run<Check>("Check what somebody sends", "checked");
    const { bytes, root } = packBundle(new Map([["y", fromFloat32Array(new Float32Array([1, 2]))]]), ["y"]);
    assert.deepEqual([...checked(bytes, root).keys()], ["y"]);
    assert.throws(() => checked(bytes, `0x${"0".repeat(64)}`), new RegExp(root));
  });

  it("tell a price that is too high from other refusals", async () => {
    type Ask = (client: { request: () => Promise<never> }, job: object) => Promise<unknown>;
    const requestOrAsk = await run<Ask>("Tell refusals apart", "requestOrAsk");
    const refusing = (error: Error) => ({ request: () => Promise.reject(error) });
    const price = new ContractRevertError("InferenceMarket_PriceAboveMax", { price: 7n, maxPrice: 5n });
    assert.equal(await requestOrAsk(refusing(price), {}), "it costs 7");
    const paused = new ContractRevertError("InferenceMarket_Paused", {});
    await assert.rejects(requestOrAsk(refusing(paused), {}), paused);
  });
});
