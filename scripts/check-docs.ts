/**
 * The documentation keeps up with the code: settings and environment of the worker, contracts with their functions,
 * events and constants, dependencies; and each package has the licence. It sees what is missing or has another value, not whether a sentence is true.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";

import { settingsSchema } from "../provider-worker/src/settings.js";

const ROOT = path.resolve(import.meta.dirname, "..");
const read = (file: string) => (existsSync(path.join(ROOT, file)) ? readFileSync(path.join(ROOT, file), "utf8") : "");
const filesBelow = (folder: string, extension: string) =>
  readdirSync(path.join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(extension))
    .map((name) => path.posix.join(folder, name.replaceAll(path.sep, "/")));

const missing: string[] = [];
function require(holds: boolean, what: string): void {
  if (!holds) missing.push(what);
}

/** The one line of a table that begins with a name. */
const rowOf = (page: string, name: string) => page.split("\n").find((line) => line.startsWith(`| \`${name}\` `));

// The worker's settings: what must be given, and what everything else is by default.
const REQUIRED = {
  rpcUrl: "http://127.0.0.1:8545",
  chainId: 1,
  deployment: "deployment.json",
  provider: "0x0000000000000000000000000000000000000001",
  roles: ["serve"],
  keystore: "keystore.json",
  dataDir: "data",
};

function leaves(shape: object, defaults: object, prefix = ""): [name: string, value: unknown][] {
  return Object.keys(shape).flatMap((name): [string, unknown][] => {
    const value: unknown = defaults[name as never];
    const nested = typeof value === "object" && value !== null && !Array.isArray(value);
    return nested ? leaves(value, value, `${prefix}${name}.`) : [[prefix + name, value]];
  });
}

function checkSettings(): void {
  const page = read("docs/WORKER.md");
  for (const [name, value] of leaves(settingsSchema.shape, settingsSchema.parse(REQUIRED))) {
    const row = rowOf(page, name);
    require(row !== undefined, `docs/WORKER.md has no row for the setting ${name}`);
    const cell = name in REQUIRED ? "required" : value === undefined ? "none" : `\`${JSON.stringify(value)}\``;
    require(row?.split("|")[2]?.trim() === cell, `docs/WORKER.md: the default of ${name} is ${cell}`);
  }
  const sources = filesBelow("provider-worker/src", ".ts").map(read).join("\n");
  for (const variable of new Set(sources.match(/\bASSAY_[A-Z_]+\b/g))) {
    require(page.includes(`\`${variable}\``), `docs/WORKER.md does not mention ${variable}`);
  }
}

// A contract's page is named after it, or has a heading with its name.
const pages = new Map(
  [...filesBelow("docs/contracts", ".md"), ...filesBelow("docs/verifiers", ".md")].map((file) => [
    path.basename(file, ".md"),
    read(file),
  ]),
);

function pageOf(contract: string): string | undefined {
  return pages.get(contract) ?? [...pages.values()].find((page) => page.includes(`\n## ${contract}\n`));
}

function checkContract(file: string): void {
  const source = read(file);
  const [, contract] = /^(?:abstract contract|contract|library) (\w+)/m.exec(source) ?? [];
  if (!contract) return checkConstants(file, source, pages.get("libraries"));
  const page = pageOf(contract);
  require(page !== undefined, `${contract} has no page in docs/contracts`);
  if (page === undefined) return;
  const own = [...source.matchAll(/^ {4}function (\w+)\([^{;]*?\b(?:external|public)\b/gm)];
  const announced = `${source}\n${read(`contracts/interfaces/I${contract}.sol`)}`.matchAll(
    /^ {4}(?:event|error) (\w+)/gm,
  );
  for (const [, name = ""] of [...own, ...announced]) {
    require(new RegExp(`\`${name}\\b`).test(page), `the page of ${contract} does not mention ${name}`);
  }
  checkConstants(file, source, page);
}

function checkConstants(file: string, source: string, page: string | undefined): void {
  for (const [, name = "", value = ""] of source.matchAll(/ constant (\w+) = (\d[\d_]*(?: \w+)?);/g)) {
    const row = page && rowOf(page, name);
    require(row?.includes(`\`${value}\``) === true, `${file}: no page has a row with ${name} = ${value}`);
  }
}

function checkDependencies(): void {
  const page = read("docs/DEPENDENCIES.md");
  for (const file of ["package.json", "sdk/package.json", "provider-worker/package.json"]) {
    const parsed = JSON.parse(read(file)) as Record<string, Record<string, string> | undefined>;
    const all = { ...parsed.dependencies, ...parsed.devDependencies, ...parsed.optionalDependencies };
    for (const [name, version] of Object.entries(all)) {
      const row = rowOf(page, name);
      require(row?.split("|")[2]?.trim() === version, `docs/DEPENDENCIES.md has no row for ${name} ${version}`);
    }
  }
}

// npm packs a LICENSE beside package.json whatever `files` says, and no other.
function checkLicences(): void {
  for (const folder of ["sdk", "provider-worker"]) {
    require(read(`${folder}/LICENSE`) === read("LICENSE"), `${folder}/LICENSE is no copy of LICENSE`);
  }
}

const contracts = filesBelow("contracts", ".sol").filter((file) => !/^contracts\/(interfaces|mocks)\//.test(file));
checkSettings();
for (const file of contracts) checkContract(file);
checkDependencies();
checkLicences();

for (const line of missing) console.error(line);
if (missing.length > 0) process.exitCode = 1;
console.log(`settings, ${contracts.length} Solidity files, dependencies: ${missing.length} gaps in the documentation`);
