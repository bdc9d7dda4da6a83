import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { failureOf } from "../../src/court/runtime.js";
import { isHopeless, mayPass } from "../../src/errors.js";

const MINUTE = 60_000;

describe("A process that rewrites a model", () => {
  for (const [how, failure] of [
    ["is killed by the system", { code: null, killed: false, stderr: "" }],
    ["ends by a status of its own", { code: 134, killed: false, stderr: "FATAL ERROR" }],
    ["runs out of memory and says so", { code: 1, killed: false, stderr: "std::bad_alloc" }],
    ["takes too long", { code: null, killed: true, stderr: "" }],
  ] as const) {
    it(`may do better next time where it ${how}`, () => {
      assert.ok(mayPass(failureOf(failure, "exposing", MINUTE)));
    });
  }

  it("is started again where the system could not start it", () => {
    const error = failureOf({ code: "EAGAIN" }, "exposing", MINUTE);
    assert.equal(error.retryable, true);
    assert.match(error.message, /could not be started: EAGAIN/);
  });

  it("refuses a model once and for all only by what it says of it", () => {
    const error = failureOf({ code: 1, killed: false, stderr: "no ONNX file" }, "exposing", MINUTE);
    assert.ok(isHopeless(error) && !mayPass(error));
    assert.equal(error.message, "no ONNX file");
  });
});
