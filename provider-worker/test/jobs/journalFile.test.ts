import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, it } from "node:test";

import { JournalError } from "../../src/errors.js";
import { Journal } from "../../src/jobs/journal.js";

const MODULE = new URL("../../src/jobs/journal.ts", import.meta.url).href;
const LONG = `0x${"ab".repeat(32)}`;
const IDENTITY = { chain: "31337", genesis: `0x${"01".repeat(32)}`, market: `0x${"AB".repeat(20)}` };
/** The tables of a journal before it had a version. */
const UNVERSIONED = `
  CREATE TABLE checkpoints (block INTEGER PRIMARY KEY, hash TEXT NOT NULL) STRICT;
  CREATE TABLE events (
    block INTEGER NOT NULL, block_hash TEXT NOT NULL, log_index INTEGER NOT NULL,
    name TEXT NOT NULL, key TEXT NOT NULL, args TEXT NOT NULL,
    PRIMARY KEY (block_hash, log_index)) STRICT;
  CREATE INDEX events_by_key ON events (name, key);
  CREATE TABLE readers (reader TEXT PRIMARY KEY, row INTEGER NOT NULL) STRICT;
  CREATE TABLE results (job TEXT PRIMARY KEY, output TEXT NOT NULL) STRICT;
  CREATE TABLE votes (seat TEXT PRIMARY KEY, output TEXT NOT NULL, salt TEXT NOT NULL) STRICT;
  CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE transactions (
    hash TEXT PRIMARY KEY, nonce INTEGER NOT NULL, purpose TEXT NOT NULL, raw TEXT NOT NULL,
    outcome TEXT) STRICT;
  CREATE INDEX transactions_open ON transactions (outcome, nonce);
`;

describe("The journal's file", () => {
  let folder: string;
  let file: string;
  let journal: Journal | undefined;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "assay-journal-"));
    file = path.join(folder, "data", "journal.sqlite");
  });
  afterEach(() => {
    close();
    rmSync(folder, { recursive: true });
  });
  const open = () => (journal = new Journal(file));
  const close = () => {
    journal?.close();
    journal = undefined;
  };
  const fill = (opened: Journal, from: number, to: number) => {
    for (let i = from; i < to; i++) opened.bindResult(String(i), LONG);
  };
  /** A program that has `Journal` and `file`. */
  const programOf = (body: string) => [
    ...["--import", "tsx", "--input-type=module", "--eval"],
    `import { Journal } from ${JSON.stringify(MODULE)}; const file = ${JSON.stringify(file)}; ${body}`,
  ];
  const TRY = `try { new Journal(file).bindResult("1", "0xaa"); console.log("opened"); }
    catch (error) { console.log(error.name, error.retryable, error.message); }`;
  const openElsewhere = () => spawnSync(process.execPath, programOf(TRY), { encoding: "utf8" }).stdout;

  describe("is held", () => {
    it("by one process, until that lets go", () => {
      open();
      assert.match(openElsewhere(), /^JournalError true cannot open .*: is another worker using this data folder\?/);
      close();
      assert.match(openElsewhere(), /^opened/);
    });

    it("no longer than its process lives, and has all that was written when that is killed in the middle", async () => {
      const body = `const journal = new Journal(file);
        for (let i = 0; ; i++) { journal.bindResult(String(i), ${JSON.stringify(LONG)}); process.stdout.write(i + "\\n"); }`;
      const child = spawn(process.execPath, programOf(body), { stdio: ["ignore", "pipe", "inherit"] });
      let printed = "";
      child.stdout.on("data", (chunk: Buffer) => {
        printed += chunk.toString();
        if (printed.length > 2000) child.kill("SIGKILL");
      });
      await once(child, "close");
      const written = printed.split("\n").slice(0, -1);
      assert.ok(written.length > 100);
      assert.ok(statSync(`${file}-wal`).size > 0, "what was written last is in the write-ahead log only");
      const opened = open();
      for (const job of written) assert.equal(opened.resultOf(job), LONG, job);
    });

    it("together with a write-ahead log that was cut anywhere: what is whole in it counts", () => {
      const body = `const journal = new Journal(file);
        for (let i = 0; i < 20; i++) journal.bindResult(String(i), ${JSON.stringify(LONG)});
        process.kill(process.pid, "SIGKILL");`;
      spawnSync(process.execPath, programOf(body));
      const [database, wal] = [readFileSync(file), readFileSync(`${file}-wal`)];
      let before = -1;
      for (let cut = 0; cut <= wal.length; cut += Math.ceil(wal.length / 60)) {
        writeFileSync(file, database);
        writeFileSync(`${file}-wal`, wal.subarray(0, cut));
        const opened = open();
        const count = Array.from({ length: 20 }, (_, i) => opened.resultOf(String(i))).lastIndexOf(LONG);
        assert.ok(count >= before, `cut at ${cut}`);
        before = count;
        close();
      }
      assert.ok(before >= 17, `${before} results were whole`);
    });
  });

  describe("is refused where", () => {
    const assertDamaged = () => {
      const wanted = { name: "JournalError", retryable: false, message: new RegExp(`${file} is damaged: `) };
      // Not on the way to be repaired by force: whoever restores it decides.
      for (let i = 0; i < 2; i++) assert.throws(open, wanted);
    };

    it("it is no database", () => {
      mkdirSync(path.dirname(file));
      writeFileSync(file, "no database, but longer than a database's header would be, so that it is read".repeat(20));
      assertDamaged();
    });

    it("it lost its end", () => {
      fill(open(), 0, 300);
      close();
      truncateSync(file, Math.floor(statSync(file).size / 2));
      assertDamaged();
    });

    it("it has a broken page", () => {
      fill(open(), 0, 300);
      close();
      const bytes = readFileSync(file);
      bytes.fill(0xff, bytes.length - 4096);
      writeFileSync(file, bytes);
      assertDamaged();
    });

    it("nothing can be made in its folder", () => {
      writeFileSync(path.join(folder, "data"), "a file where the folder should be");
      assert.throws(open, { name: "JournalError", retryable: true, message: /make its folder and itself writable/ });
    });

    it("it cannot be written", { skip: process.platform === "win32" }, (test) => {
      open();
      close();
      // Root may write everything: another user tries then, if it may read this program.
      const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
      const runAs = (body: string) => spawnSync(process.execPath, programOf(body), { encoding: "utf8", ...user });
      if (!runAs(`console.log("runs")`).stdout?.startsWith("runs")) {
        test.skip("no other user can run this program");
        return;
      }
      chmodSync(folder, 0o755);
      chmodSync(file, 0o444);
      chmodSync(path.dirname(file), 0o555);
      const run = runAs(TRY);
      chmodSync(path.dirname(file), 0o755);
      assert.match(run.stdout, /^JournalError true cannot use .*: make its folder and itself writable/, run.stderr);
    });
  });

  describe("says when the disk takes no more,", () => {
    /** Runs where no file may grow beyond so many KiB, as on a full disk. */
    const runWithin = (kib: number, body: string) => {
      const args = ["-c", `ulimit -f ${kib}; exec "$0" "$@"`, process.execPath, ...programOf(body)];
      return spawnSync("bash", args, { encoding: "utf8", env: { ...process.env, TSX_DISABLE_CACHE: "1" } });
    };

    it(
      "and takes nothing more itself: neither what failed nor what would fit",
      { skip: process.platform === "win32" },
      () => {
        open();
        close();
        const run = runWithin(
          256,
          `const journal = new Journal(file);
        const tell = (act) => { try { act(); console.log("done"); } catch (error) { console.log(error.name, error.retryable, error.message); } };
        let i = 0;
        tell(() => { for (;;) journal.bindResult(String(i++), ${JSON.stringify(LONG)}); });
        tell(() => journal.setNote("small", "1"));
        tell(() => journal.checkpoint());
        console.log(i);`,
        );
        const lines = run.stdout.trim().split("\n");
        assert.match(lines[0] ?? "", /^JournalError true cannot (read or )?write .*disk/, run.stderr);
        assert.equal(lines[1], lines[0]);
        assert.equal(lines[2], lines[0]);
        const written = Number(lines[3]) - 1;
        assert.ok(written > 0);
        const opened = open();
        for (let job = 0; job < written; job++) assert.equal(opened.resultOf(String(job)), LONG);
        assert.equal(opened.note("small"), undefined);
      },
    );

    it("also at the start", { skip: process.platform === "win32" }, () => {
      open();
      close();
      const run = runWithin(0, TRY);
      assert.match(run.stdout, /^JournalError true cannot (read or )?write .*disk/, run.stderr);
    });
  });

  describe("has a version:", () => {
    it("one of before is brought up to date, with all that is in it", () => {
      mkdirSync(path.dirname(file));
      const old = new DatabaseSync(file);
      old.exec(UNVERSIONED);
      old.exec(`
        INSERT INTO checkpoints VALUES (9, 'hash 9');
        INSERT INTO events VALUES (1, 'a', 0, 'JobRequested', '7', '{}'), (2, 'b', 0, 'JobRequested', '8', '{}'),
          (3, 'c', 0, 'JobPaid', '7', '{"price":"5"}'), (4, 'd', 0, 'JobPaid', '9', '{}');
        INSERT INTO readers VALUES ('settle', 3);
        INSERT INTO results VALUES ('7', '0xaa');
        INSERT INTO votes VALUES ('3 1', '0xaa', '0x5a');
        INSERT INTO notes VALUES ('cannot do 8', 'yes');
        INSERT INTO transactions VALUES ('h', 4, 'submit 8', 'raw', NULL);`);
      old.close();
      for (let i = 0; i < 2; i++) {
        const opened = open();
        assert.deepEqual({ ...opened.checkpoint() }, { block: 9, hash: "hash 9" });
        assert.deepEqual(
          opened.openEvents("JobRequested").map(({ key }) => key),
          ["8"],
        );
        assert.deepEqual(opened.events("JobPaid", "7")[0]?.args, { price: "5" });
        assert.equal(opened.resultOf("7"), "0xaa");
        assert.deepEqual({ ...opened.voteOf("3 1") }, { output: "0xaa", salt: "0x5a" });
        assert.equal(opened.note("cannot do 8"), "yes");
        assert.equal(opened.openTransactions()[0]?.purpose, "submit 8");
        close();
      }
      const taken: string[] = [];
      open().takeNew("settle", "JobPaid", ({ key }) => taken.push(key));
      assert.deepEqual(taken, ["9"]);
    });

    it("a newer one is refused, as it is", () => {
      open();
      close();
      const newer = new DatabaseSync(file);
      newer.exec("PRAGMA user_version = 3");
      newer.close();
      const before = readFileSync(file);
      assert.throws(open, {
        name: "JournalError",
        retryable: false,
        message: /has version 3, .* knows 2 and none later/,
      });
      assert.deepEqual(readFileSync(file), before);
    });
  });

  describe("belongs to one chain and one deployment:", () => {
    it("the first it was used for, however the address is written", () => {
      open().bindTo(IDENTITY);
      close();
      open().bindTo({ ...IDENTITY, market: IDENTITY.market.toLowerCase() });
    });

    for (const [what, other] of Object.entries({
      "another chain": { chain: "1" },
      "the same chain started anew": { genesis: `0x${"02".repeat(32)}` },
      "another market": { market: `0x${"CD".repeat(20)}` },
    })) {
      it(`${what} is refused, and told from its own`, () => {
        const opened = open();
        opened.bindTo(IDENTITY);
        const wrong = { ...IDENTITY, ...other };
        assert.throws(
          () => {
            opened.bindTo(wrong);
          },
          (error: unknown) => {
            assert.ok(error instanceof JournalError && !error.retryable);
            for (const part of [file, ...Object.values(IDENTITY), ...Object.values(wrong), "another dataDir"]) {
              assert.ok(error.message.includes(part), `${part} is not in: ${error.message}`);
            }
            return true;
          },
        );
      });
    }
  });
});
