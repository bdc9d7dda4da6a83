import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { INTERFACES, parseTerms } from "@assay/sdk";
import type { Interface } from "ethers";
import { id, Log } from "ethers";
import type { Provider } from "ethers";

import { decodeEvent, followedEvents } from "../../src/chain/events.js";
import { address, hash, Scene } from "../support/scene.js";

/** A log as a node gives it. */
function logOf(contract: Interface, event: string, values: readonly unknown[]): Log {
  const { data, topics } = contract.encodeEventLog(event, values);
  const at = { blockNumber: 5, blockHash: hash(5), index: 3, transactionIndex: 0, transactionHash: hash(6) };
  return new Log({ ...at, address: address(1), data, topics, removed: false }, {} as Provider);
}

describe("Events of the chain", () => {
  it("are followed by a topic that is theirs in every contract that has them", () => {
    const contracts: Interface[] = Object.values(INTERFACES);
    for (const { name, topic } of followedEvents(undefined)) {
      const topics = contracts.flatMap((contract) => contract.getEvent(name)?.topicHash ?? []);
      assert.deepEqual(new Set(topics), new Set([topic]), name);
    }
  });

  it("are followed from where the worker starts to read, offers from the deployment on where its block is known", () => {
    const early = (deployedIn?: number) => followedEvents(deployedIn).filter(({ from }) => from !== undefined);
    assert.deepEqual(
      early(7).map(({ name, from }) => [name, from]),
      [["OfferSet", 7]],
    );
    assert.deepEqual(early(), []);
  });

  it("become plain values that the terms of a job can be read from again", () => {
    const scene = new Scene();
    const terms = scene.terms(7, { price: 2n ** 127n });
    const event = decodeEvent(
      logOf(INTERFACES.market, "JobRequested", [7n, terms.client, terms.provider, terms, "https://input"]),
    );
    assert.ok(event);
    const { args, ...rest } = event;
    assert.deepEqual(rest, { block: 5, blockHash: hash(5), logIndex: 3, name: "JobRequested", key: hash(7) });
    assert.equal(args.inputUri, "https://input");
    // Through JSON, as the journal keeps it. Addresses come with their checksums.
    const read = parseTerms(JSON.parse(JSON.stringify(args.terms)));
    const lower = (values: object) => JSON.stringify(Object.values(values).map(String)).toLowerCase();
    assert.equal(lower(read), lower(terms));
  });

  it("whose text is not UTF-8 lose the text and nothing else", () => {
    const scene = new Scene();
    const terms = scene.terms(7);
    for (const [event, values] of [
      ["JobRequested", [7n, terms.client, terms.provider, terms, "AAAA"]],
      ["ResultSubmitted", [7n, address(1), hash(9), 100, "AAAA"]],
    ] as const) {
      const log = logOf(INTERFACES.market, event, values);
      const spoilt = new Log({ ...log, data: log.data.replace("41414141", "fffefdfc") }, {} as Provider);
      const read = decodeEvent(spoilt);
      assert.equal(read?.key, hash(7));
      assert.equal(read.args.inputUri ?? read.args.outputUri, "\uFFFD");
      const uri = read.args.inputUri === undefined ? "outputUri" : "inputUri";
      assert.deepEqual({ ...read.args, [uri]: "AAAA" }, decodeEvent(log)?.args);
    }
  });

  it("whose text is longer than any address lose the text and nothing else", () => {
    const scene = new Scene();
    const terms = scene.terms(7);
    const uri = (length: number) => "https://x/".padEnd(length, "a");
    for (const length of [8_192, 8_193, 500_000]) {
      const kept = length > 8_192 ? "\uFFFD" : uri(length);
      const requested = [7n, terms.client, terms.provider, terms, uri(length)];
      const request = decodeEvent(logOf(INTERFACES.market, "JobRequested", requested));
      assert.deepEqual([request?.key, request?.args.inputUri], [hash(7), kept]);
      const submitted = [7n, address(1), hash(9), 100, uri(length)];
      const result = decodeEvent(logOf(INTERFACES.market, "ResultSubmitted", submitted));
      assert.deepEqual(result?.args.outputUri, kept);
      assert.equal(result?.args.outputCommitment, hash(9));
    }
  });

  it("keep lists as lists, also of one or none", () => {
    for (const jurors of [[], [address(1)], [address(1), address(2)]]) {
      const event = decodeEvent(logOf(INTERFACES.jury, "JurorsDrawn", [4n, 7n, 1, jurors, 100, 200]));
      assert.ok(event);
      assert.equal((event.args.jurors as string[]).length, jurors.length);
      assert.ok(Array.isArray(event.args.jurors));
      assert.equal(event.args.round, "1");
      assert.equal(event.key, "4");
    }
  });

  it("of cases go by the case, of jobs by the job", () => {
    const opened = [8n, 7n, address(1), address(2), 3n, 4n, hash(9)];
    assert.equal(decodeEvent(logOf(INTERFACES.disputes, "CaseOpened", opened))?.key, "8");
    const submitted = [7n, address(1), hash(9), 100, ""];
    const event = decodeEvent(logOf(INTERFACES.market, "ResultSubmitted", submitted));
    assert.equal(event?.key, hash(7));
    assert.equal(event?.args.challengeableUntil, "100");
  });

  it("of offers go by the model", () => {
    const offer = [address(1), 7n, address(2), 10n, 5n, 60];
    const event = decodeEvent(logOf(INTERFACES.providers, "OfferSet", offer));
    assert.deepEqual([event?.name, event?.key, event?.args.provider], ["OfferSet", "7", address(1)]);
  });

  it("of the proof court go by the case, with parts and facts as plain values", () => {
    const facts = {
      ...{ jobId: 7n, modelId: 2n, provider: address(1), client: address(2), challenger: address(3) },
      ...{ inputCommitment: hash(4), outputCommitment: hash(5), challengeableUntil: 100n },
    };
    const opened = decodeEvent(logOf(INTERFACES.court, "CourtCaseOpened", [8n, address(1), facts, 90]));
    assert.equal(opened?.key, "8");
    assert.equal((opened.args.facts as { jobId: string }).jobId, hash(7));
    const part = { tensor: 5, level: 1, index: 2 };
    const shown = decodeEvent(logOf(INTERFACES.court, "ChildrenRevealed", [8n, part, [hash(1)]]));
    assert.equal(shown?.key, "8");
    assert.deepEqual(shown.args, { caseId: "8", part: { tensor: "5", level: "1", index: "2" }, children: [hash(1)] });
  });

  it("that nobody follows, or nobody knows, are left out", () => {
    assert.equal(decodeEvent(logOf(INTERFACES.market, "PauseChanged", [true])), undefined);
    const unknown = new Log(
      {
        ...{ blockNumber: 5, blockHash: hash(5), index: 3, transactionIndex: 0, transactionHash: hash(6) },
        ...{ address: address(1), data: "0x", topics: [id("Unheard()")], removed: false },
      },
      {} as Provider,
    );
    assert.equal(decodeEvent(unknown), undefined);
  });
});
