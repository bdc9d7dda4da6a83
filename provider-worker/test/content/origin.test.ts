import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, it } from "node:test";

import { originOf } from "../../src/content/origin.js";

const from = (remoteAddress: string | undefined, forwarded?: string, remotePort = 5000) =>
  originOf({ headers: { "x-forwarded-for": forwarded }, socket: { remoteAddress, remotePort } } as IncomingMessage &
    object);

describe("Whom a request counts for", () => {
  it("is the address it comes from, whatever its sender writes into the header", () => {
    assert.equal(from("8.8.8.8"), "8.8.8.8");
    assert.equal(from("8.8.8.8", "9.9.9.9"), "8.8.8.8");
    assert.equal(from("::ffff:8.8.8.8", "9.9.9.9"), "8.8.8.8");
  });

  it("is whom the operator's own proxy names last", () => {
    for (const proxy of ["127.0.0.1", "10.1.2.3", "::1", "::ffff:172.17.0.2"]) {
      assert.equal(from(proxy, "1.1.1.1, 9.9.9.9"), "9.9.9.9");
    }
    assert.equal(from("127.0.0.1", "::ffff:9.9.9.9"), "9.9.9.9");
  });

  it("is the connection where the proxy names nobody, so that not all its clients count as one", () => {
    assert.notEqual(from("127.0.0.1", undefined, 1), from("127.0.0.1", undefined, 2));
    assert.notEqual(from("127.0.0.1", "unknown", 1), from("127.0.0.1", "9.9.9.9, ", 2));
    assert.notEqual(from(undefined, "9.9.9.9"), "9.9.9.9");
  });

  it("is one for all addresses of an IPv6 customer", () => {
    const own = from("2606:4700:0:1::1");
    assert.equal(own, "2606:4700:0");
    for (const same of ["2606:4700:0:1:ffff:2:3:4", "2606:4700::ffff:0:0:0:9", "2606:4700:0000:0002::"]) {
      assert.equal(from(same), own, same);
      assert.equal(from("::1", same), own, same);
    }
    assert.notEqual(from("2606:4700:1:1::1"), own);
  });
});
