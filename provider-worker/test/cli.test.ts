import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { openKeystore } from "../src/keystore.js";
import { loadSettings } from "../src/settings.js";

const CLI = fileURLToPath(new URL("../bin/assay-worker.js", import.meta.url));

async function init(folder: string, environment: NodeJS.ProcessEnv): Promise<string> {
  const file = path.join(folder, "settings.json");
  await promisify(execFile)(process.execPath, [CLI, "--settings", file, "init"], {
    env: { PATH: process.env.PATH, ...environment },
    timeout: 120_000,
    killSignal: "SIGKILL",
  });
  return file;
}

describe("assay-worker init", () => {
  let root: string;
  before(async () => {
    root = await mkdtemp(path.join(tmpdir(), "assay-init-"));
  });
  after(() => rm(root, { recursive: true }));

  it("writes a key, its password and settings that open it, for the owner's eyes only", async () => {
    const folder = path.join(root, "file");
    const { provider, keystore, passwordFile } = loadSettings(await init(folder, {}), {});
    assert.ok(passwordFile);
    assert.equal((await openKeystore(keystore, readFileSync(passwordFile, "utf8"))).address, provider);
    for (const secret of [keystore, passwordFile]) assert.equal(statSync(secret).mode & 0o077, 0);
  });

  it("leaves the password where it is when the environment gives it", async () => {
    const folder = path.join(root, "environment");
    const settings = loadSettings(await init(folder, { ASSAY_PASSWORD: "from outside" }), {});
    assert.equal((await openKeystore(settings.keystore, "from outside")).address, settings.provider);
    assert.equal(settings.passwordFile, undefined);
    assert.ok(!existsSync(path.join(folder, "password")));
  });
});
