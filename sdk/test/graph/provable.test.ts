import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { topLevel } from "../../src/court/part.js";
import { Refusal } from "../../src/graph/problems.js";
import { requireProvable } from "../../src/graph/provable.js";
import { EXACT } from "../../src/graph/types.js";
import { Layout } from "../../src/tensor/layout.js";

describe("Tensors that the court can ask for", () => {
  const relu = (height: number) => {
    const place = { dtype: "uint8", dims: [1, 1, height, 4096], layout: Layout.Pixels } as const;
    requireProvable({ operator: "Relu" }, EXACT, [place], place);
  };

  it("have leaves that are found in three levels of hashes", () => {
    assert.equal(topLevel(4096 * 4096), 3);
    relu(4096);
  });

  it("are refused where a fourth would be needed", () => {
    assert.equal(topLevel(4097 * 4096), 4);
    assert.throws(
      () => relu(4097),
      (error) => error instanceof Refusal && /16781312 leaves/.test(error.message),
    );
  });
});
