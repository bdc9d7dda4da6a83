import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";

import { fromFloat32Array } from "../src/tensor/tensor.js";
import { packBundle } from "../src/tensor/bundleFile.js";
import { uploadTensors } from "../src/transport.js";

describe("An upload", () => {
  let endpoint: string;
  const server = createServer((request, response) => {
    request.resume().once("end", () => response.writeHead(201).end());
  });
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  it("is given up no sooner than a worker would: after half a minute, and the time it takes at 50 kB/s", async (test) => {
    const timeout = test.mock.method(AbortSignal, "timeout");
    for (const floats of [1, 250_000]) {
      const bundle = packBundle(new Map([["x", fromFloat32Array(new Float32Array(floats))]]), ["x"]);
      await uploadTensors(endpoint, bundle);
      assert.deepEqual(timeout.mock.calls.at(-1)?.arguments, [30_000 + Math.ceil(bundle.bytes.length / 50)]);
    }
  });
});
