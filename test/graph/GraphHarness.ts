import { readFileSync } from "node:fs";

import { ChildRuntime } from "@assay/provider-worker";
import { expect } from "chai";
import { hexlify } from "ethers";
import { network } from "hardhat";

import type { Graph, GraphNode, Port } from "../../sdk/src/graph/index.js";
import {
  encodeNode,
  GRAPH_V1,
  hashGraph,
  metaHash,
  metaHeader,
  nodesRoot,
  Operator,
  prepareModel,
  Source,
} from "../../sdk/src/graph/index.js";
import { initHash, Layout, toHex } from "../../sdk/src/tensor/index.js";
import { Random } from "../../sdk/test/tensor/random.js";

const { ethers } = await network.create();

describe("Graph commitments", () => {
  const harness = ethers.deployContract("GraphHarness");
  const random = new Random(21);
  const hash = () => toHex(random.bytes(32));

  const node = (): GraphNode => ({
    operator: random.pick(Object.values(Operator)),
    attributes: toHex(random.bytes(random.below(130))),
    operands: Array.from({ length: random.below(5) }, () => ({
      source: random.pick(Object.values(Source)),
      tensor: random.next(),
      hash: hash(),
    })),
    outputMeta: hash(),
    numeric: {
      mode: random.below(256),
      fused: random.below(2) === 1,
      block: random.below(65_536),
      biasFirst: random.below(2) === 1,
    },
  });
  const port = (): Port => {
    const dims = Array.from({ length: 2 + random.below(3) }, () => 1 + random.below(12));
    const layout = random.pick([Layout.RowMajor, Layout.Pixels, Layout.Rows, Layout.Columns, Layout.Filters]);
    return {
      nameHash: hash(),
      tensor: random.next(),
      meta: metaHeader({ dtype: random.pick(["float32", "uint8", "int64"]), dims, layout }),
    };
  };
  const graph = (): Graph => ({
    fileHash: hash(),
    profile: hash(),
    nodesRoot: hash(),
    nodeCount: random.next(),
    inputs: Array.from({ length: random.below(4) }, port),
    outputs: Array.from({ length: random.below(4) }, port),
  });
  const nodeForSolidity = (given: GraphNode) => ({
    ...given,
    operands: given.operands.map((operand) => ({ ...operand })),
  });
  const graphForSolidity = (given: Graph) => {
    const ports = (list: readonly Port[]) =>
      list.map((each) => ({ ...each, meta: { ...each.meta, dims: [...each.meta.dims] } }));
    return { ...given, inputs: ports(given.inputs), outputs: ports(given.outputs) };
  };

  before(initHash);

  it("hashes graphs as Solidity does", async () => {
    expect(await (await harness).GRAPH_V1()).to.equal(GRAPH_V1);
    for (let round = 0; round < 40; round++) {
      const given = graph();
      expect(await (await harness).hashGraph(graphForSolidity(given))).to.equal(hashGraph(given));
    }
  });

  it("encodes nodes and makes their tree as Solidity does", async () => {
    for (let count = 0; count < 20; count++) {
      const nodes = Array.from({ length: count }, node);
      const given = nodes.map(nodeForSolidity);
      for (const [i, each] of given.entries()) {
        expect(await (await harness).encodeNode(each)).to.equal(hexlify(encodeNode(nodes[i] as GraphNode)));
      }
      expect(await (await harness).nodesRoot(given)).to.equal(nodesRoot(nodes));
    }
  });

  it("commits to the graph of a real model as Solidity does", async () => {
    const file = new URL("../../models/digits_cnn_int8_static.onnx", import.meta.url);
    const options = { dims: { N: 1 }, stripSoftmax: true, argMaxOfLogits: true };
    const runtime = new ChildRuntime({ timeoutMs: 60_000, memoryMb: 1000 });
    const { model } = await prepareModel(new Uint8Array(readFileSync(file)), options, runtime);
    expect(await (await harness).hashGraph(graphForSolidity(model.graph))).to.equal(model.commitment);
    expect(await (await harness).nodesRoot(model.nodes.map(nodeForSolidity))).to.equal(model.graph.nodesRoot);
  });

  it("numbers operators as Solidity does", () => {
    const source = readFileSync(new URL("../../contracts/libraries/Operators.sol", import.meta.url), "utf8");
    const numbers = new Map(
      [...source.matchAll(/constant (\w+) = (0x\w+)/g)].map(([, name, code]) => [name?.replaceAll("_", ""), code]),
    );
    for (const [name, code] of Object.entries(Operator)) {
      expect(Number(numbers.get(name.toUpperCase())), name).to.equal(code);
    }
  });

  it("leaves the Merkle root out of a metaHash and nothing else", () => {
    const meta = { dtype: "uint8", dims: [2, 64, 3], layout: Layout.Pixels } as const;
    expect(BigInt(metaHeader(meta).merkleRoot)).to.equal(0n);
    const others = [
      { ...meta, dtype: "int8" as const },
      { ...meta, dims: [2, 64, 4] },
      { ...meta, layout: Layout.Rows },
    ];
    expect(new Set([meta, ...others].map(metaHash)).size).to.equal(4);
  });
});
