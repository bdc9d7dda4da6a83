import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";

import { Fetcher } from "../../src/content/fetcher.js";
import { isDeclinable, isHopeless } from "../../src/errors.js";
import { gate } from "../support/scene.js";

describe("What the fetcher refuses", () => {
  let folder: string;
  let base: string;
  /** Status of every answer. */
  let status = 200;
  const server = createServer((_request, response) => {
    response.writeHead(status).end("body");
  });
  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "assay-fetcher-"));
    writeFileSync(path.join(folder, "here"), "hello");
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(async () => {
    await Promise.all(started.map((each) => each.stop()));
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  });
  const started: Fetcher[] = [];
  const fetcher = (fileRoots: string[] = [folder]) => {
    const made = new Fetcher({ fileRoots, allowPrivate: true, timeoutMs: 60_000 });
    started.push(made);
    return made;
  };
  /** Whether the worker declines the job, rather than try again until its deadline. */
  const refusedForGood = async (uri: string, roots?: string[]): Promise<boolean> => {
    try {
      await fetcher(roots).fetch(uri, 100);
    } catch (error) {
      assert.equal(isHopeless(error), false, "who checks on others tries again, whatever the answer was");
      return isDeclinable(error);
    }
    return assert.fail(`${uri} was fetched`);
  };

  for (const uri of ["", "no uri", "data:,x", "ftp://127.0.0.1/x", "file://elsewhere/etc/passwd", "file:///a%2Fb"]) {
    it(`for good: ${JSON.stringify(uri)}`, async () => {
      assert.equal(await refusedForGood(uri), true);
    });
  }

  it("for good: a file that is not there", async () => {
    assert.equal(await refusedForGood(pathToFileURL(path.join(folder, "missing")).href), true);
  });

  it("for good: the allowed folder itself", async () => {
    assert.equal(await refusedForGood(pathToFileURL(folder).href), true);
  });

  it("no file in one allowed folder because another is not there", async () => {
    const uri = pathToFileURL(path.join(folder, "here")).href;
    const bytes = await fetcher([path.join(folder, "gone"), folder]).fetch(uri, 100);
    assert.equal(Buffer.from(bytes).toString(), "hello");
  });

  for (const [answer, forGood] of [
    [404, true],
    [403, true],
    [302, true],
    [429, false],
    [500, false],
    [503, false],
  ] as const) {
    it(`${forGood ? "for good" : "for now"}: an answer of ${answer}`, async () => {
      status = answer;
      assert.equal(await refusedForGood(base), forGood);
    });
  }

  it("for now: a connection nobody takes", async () => {
    assert.equal(await refusedForGood("http://127.0.0.1:1/"), false);
  });
});

describe("A download", () => {
  it("ends with the signal's reason, although its server never answers", async (test) => {
    const asked = gate<undefined>();
    const server = createServer(() => {
      asked.open(undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const fetcher = new Fetcher({ fileRoots: [], allowPrivate: true, timeoutMs: 60_000 });
    test.after(async () => {
      await fetcher.stop();
      server.close();
      server.closeAllConnections();
    });
    const stop = new AbortController();
    const uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const download = fetcher.fetch(uri, 100, stop.signal);
    await asked.promise;
    stop.abort(new Error("the worker stops"));
    await assert.rejects(download, { message: "the worker stops" });
  });
});
