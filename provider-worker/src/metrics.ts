import type { Server } from "node:http";
import { createServer } from "node:http";

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

import { close, listen } from "./listen.js";

/** Seconds: from a small model on a fast machine to the default limit of an inference. */
const INFERENCE_BUCKETS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60];

/** What one worker counts. Nothing is global, so several workers in a process do not mix. */
export class Metrics {
  readonly registry = new Registry();
  readonly #in = { registers: [this.registry] };

  readonly jobs = new Counter({
    ...this.#in,
    name: "assay_jobs_total",
    help: "Jobs answered on chain",
    labelNames: ["outcome"] as const,
  });
  readonly inference = new Histogram({
    ...this.#in,
    name: "assay_inference_seconds",
    help: "Time of one run of a model, with its wait for the runs before it",
    buckets: INFERENCE_BUCKETS,
  });
  readonly transactions = new Counter({
    ...this.#in,
    name: "assay_transactions_total",
    help: "Calls that came to an end",
    labelNames: ["outcome"] as const,
  });
  readonly readBlock = new Gauge({ ...this.#in, name: "assay_read_block", help: "Newest block read" });
  readonly lag = new Gauge({ ...this.#in, name: "assay_lag_blocks", help: "Blocks of the node not read yet" });
  readonly balance = new Gauge({
    ...this.#in,
    name: "assay_operator_balance_wei",
    help: "What the operator has for gas",
  });
  readonly challenges = new Counter({ ...this.#in, name: "assay_challenges_total", help: "Results challenged" });
  readonly courtMoves = new Counter({
    ...this.#in,
    name: "assay_court_moves_total",
    help: "What was sent to the proof court and mined",
    labelNames: ["move"] as const,
  });
  readonly auditAnswers = new Counter({
    ...this.#in,
    name: "assay_audit_answers_total",
    help: "Roots of traces shown in audits of own jobs, and mined",
  });
  readonly drawnAudits = new Counter({
    ...this.#in,
    name: "assay_drawn_audits_total",
    help: "Steps of drawn audits of others' jobs that were mined",
    labelNames: ["step"] as const,
  });
  readonly refusedUploads = new Counter({
    ...this.#in,
    name: "assay_refused_uploads_total",
    help: "Uploads to the content store that were refused",
    labelNames: ["status"] as const,
  });
  readonly votes = new Counter({
    ...this.#in,
    name: "assay_votes_total",
    help: "Votes sent as a juror",
    labelNames: ["step"] as const,
  });
}

/**
 * Serves metrics as text on `GET /metrics`, those of the process too: for this machine, apart from what the public
 * reaches.
 */
export class MetricsServer {
  readonly #server: Server;

  constructor(
    registry: Registry,
    private readonly options: { host: string; port: number },
  ) {
    collectDefaultMetrics({ register: registry });
    this.#server = createServer((request, response) => {
      if (request.url !== "/metrics") response.writeHead(404).end();
      else if (request.method !== "GET") response.writeHead(405).end();
      else {
        registry.metrics().then(
          (text) => response.writeHead(200, { "content-type": registry.contentType }).end(text),
          () => response.writeHead(500).end(),
        );
      }
    });
  }

  /** Listens; resolves with the port in use. */
  start(): Promise<number> {
    return listen(this.#server, this.options);
  }

  stop(): Promise<void> {
    return close(this.#server);
  }
}
