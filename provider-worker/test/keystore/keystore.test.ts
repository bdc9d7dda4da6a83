import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";

import { encryptKeystoreJson, Wallet } from "ethers";

import { WorkerError } from "../../src/errors.js";
import { createKeystore, openKeystore, readPassword } from "../../src/keystore.js";

const PASSWORD = "correct horse battery staple";
const KEY = `0x${"4b".repeat(32)}`;
const ADDRESS = new Wallet(KEY).address;
const posix = process.platform !== "win32";

describe("The keystore", () => {
  let folder: string;
  let file: string;
  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "assay-keystore-"));
    file = path.join(folder, "operator.json");
    // Cheap to open, unlike a real one.
    const json = await encryptKeystoreJson({ address: ADDRESS, privateKey: KEY }, PASSWORD, { scrypt: { N: 2 } });
    writeFileSync(file, json, { mode: 0o600 });
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it("opens with its password", async () => {
    assert.equal((await openKeystore(file, PASSWORD)).address, ADDRESS);
  });

  it("is written encrypted, for its owner's eyes only, and opens again", async () => {
    const written = path.join(folder, "new.json");
    assert.equal(await createKeystore(written, PASSWORD, KEY), ADDRESS);
    if (posix) assert.equal(statSync(written).mode & 0o777, 0o600);
    assert.ok(!readFileSync(written, "utf8").includes("4b4b4b4b"));
    assert.equal((await openKeystore(written, PASSWORD)).privateKey, KEY);
  });

  it("is never overwritten", async () => {
    const before = readFileSync(file, "utf8");
    await assert.rejects(createKeystore(file, PASSWORD), /a key is never overwritten/);
    assert.equal(readFileSync(file, "utf8"), before);
  });

  it("is not written without a password", async () => {
    await assert.rejects(createKeystore(path.join(folder, "open.json"), ""), /the password is empty/);
    assert.throws(() => statSync(path.join(folder, "open.json")), { code: "ENOENT" });
  });

  it("does not open with another password, and shows neither", async () => {
    await assert.rejects(openKeystore(file, "wrong pony"), (error) => {
      assert.ok(error instanceof WorkerError);
      assert.match(error.message, /wrong password, or no keystore/);
      assert.ok(!`${error.stack} ${String(error.cause)}`.includes("wrong pony"));
      return true;
    });
  });

  it("does not open where it is broken, none at all, or not there", async () => {
    const broken = path.join(folder, "broken.json");
    for (const text of ["", "{}", "no JSON", readFileSync(file, "utf8").slice(0, 200)]) {
      writeFileSync(broken, text, { mode: 0o600 });
      await assert.rejects(openKeystore(broken, PASSWORD), /wrong password, or no keystore/);
    }
    await assert.rejects(openKeystore(path.join(folder, "missing.json"), PASSWORD), /run assay-worker init/);
  });

  it("does not open where others on the machine can read it", { skip: !posix }, async () => {
    const shared = path.join(folder, "shared.json");
    writeFileSync(shared, readFileSync(file), { mode: 0o600 });
    for (const mode of [0o640, 0o604, 0o660]) {
      chmodSync(shared, mode);
      await assert.rejects(openKeystore(shared, PASSWORD), /chmod 600/);
    }
    chmodSync(shared, 0o400);
    assert.equal((await openKeystore(shared, PASSWORD)).address, ADDRESS);
  });
});

describe("The password", () => {
  let file: string;
  before(() => {
    file = path.join(mkdtempSync(path.join(tmpdir(), "assay-password-")), "password");
  });
  after(() => {
    rmSync(path.dirname(file), { recursive: true });
  });

  it("comes from the environment, which forgets it", () => {
    const environment: NodeJS.ProcessEnv = { ASSAY_PASSWORD: "from here", OTHER: "stays" };
    assert.equal(readPassword(environment, file), "from here");
    assert.deepEqual(environment, { OTHER: "stays" });
  });

  for (const [written, read] of [
    ["plain", "plain"],
    ["with a line end\n", "with a line end"],
    ["from Windows\r\n", "from Windows"],
    [" with spaces \n", " with spaces "],
    ["two lines\nof it\n", "two lines\nof it"],
  ] as const) {
    it(`comes from a file: ${JSON.stringify(written)}`, () => {
      writeFileSync(file, written, { mode: 0o600 });
      assert.equal(readPassword({}, file), read);
    });
  }

  it("does not come from a file that others on the machine can read", { skip: !posix }, () => {
    const shared = path.join(path.dirname(file), "shared");
    writeFileSync(shared, PASSWORD);
    for (const mode of [0o640, 0o604, 0o660, 0o610]) {
      chmodSync(shared, mode);
      assert.throws(() => readPassword({}, shared), {
        name: "WorkerError",
        message: `${shared} can be read by others: chmod 600 ${shared}`,
      });
    }
    chmodSync(shared, 0o400);
    assert.equal(readPassword({}, shared), PASSWORD);
    chmodSync(shared, 0o644);
    assert.equal(readPassword({ ASSAY_PASSWORD: "from here" }, shared), "from here");
  });

  it("is asked for by both its names where there is none", () => {
    assert.throws(() => readPassword({}, undefined), /set ASSAY_PASSWORD or passwordFile/);
    assert.throws(() => readPassword({}, `${file}.missing`), /cannot read the password file/);
  });
});
