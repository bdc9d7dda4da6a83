import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { Metrics, MetricsServer } from "../../src/metrics.js";

describe("The metrics listener", () => {
  const metrics = new Metrics();
  const server = new MetricsServer(metrics.registry, { host: "127.0.0.1", port: 0 });
  let base: string;
  before(async () => {
    base = `http://127.0.0.1:${await server.start()}`;
  });
  after(() => server.stop());
  const scrape = async () => (await fetch(`${base}/metrics`)).text();

  it("serves what was counted as Prometheus text", async () => {
    metrics.jobs.inc({ outcome: "delivered" });
    metrics.jobs.inc({ outcome: "delivered" });
    metrics.jobs.inc({ outcome: "declined" });
    metrics.transactions.inc({ outcome: "mined" });
    metrics.inference.observe(0.3);
    metrics.readBlock.set(90);
    metrics.lag.set(10);
    metrics.balance.set(5e17);
    metrics.challenges.inc();
    metrics.votes.inc({ step: "reveal" });

    const answer = await fetch(`${base}/metrics`);
    assert.match(answer.headers.get("content-type") ?? "", /^text\/plain/);
    const lines = (await answer.text()).split("\n");
    for (const line of [
      'assay_jobs_total{outcome="delivered"} 2',
      'assay_jobs_total{outcome="declined"} 1',
      'assay_transactions_total{outcome="mined"} 1',
      'assay_inference_seconds_bucket{le="0.1"} 0',
      'assay_inference_seconds_bucket{le="0.5"} 1',
      "assay_read_block 90",
      "assay_lag_blocks 10",
      "assay_operator_balance_wei 500000000000000000",
      "assay_challenges_total 1",
      'assay_votes_total{step="reveal"} 1',
    ]) {
      assert.ok(lines.includes(line), line);
    }
  });

  it("adds what Prometheus expects of any process", async () => {
    assert.match(await scrape(), /^process_resident_memory_bytes \d+$/m);
  });

  it("answers nothing else", async () => {
    assert.equal((await fetch(`${base}/`)).status, 404);
    assert.equal((await fetch(`${base}/metrics`, { method: "POST" })).status, 405);
  });

  it("keeps the counts of two workers in one process apart", async () => {
    new Metrics().jobs.inc({ outcome: "expired" });
    assert.doesNotMatch(await scrape(), /expired/);
  });

  it("says at once when its port is taken", async () => {
    const second = new MetricsServer(new Metrics().registry, { host: "127.0.0.1", port: Number(new URL(base).port) });
    await assert.rejects(second.start(), { code: "EADDRINUSE" });
  });
});
