import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import { pipeline } from "node:stream/promises";

import type { SignedResult } from "@assay/sdk";
import { TensorError } from "@assay/sdk";

import { Turns } from "../jobs/turns.js";
import { close, listen } from "../listen.js";
import { CheckError } from "./checker.js";
import { originOf, originOfConnection } from "./origin.js";
import type { Every } from "./pace.js";
import { everyInterval, longestFor, Pace } from "./pace.js";
import { Quota } from "./quota.js";
import type { ShareLimits } from "./shares.js";
import { Shares } from "./shares.js";
import { LEAST_BYTES, StoreFullError } from "./shelf.js";
import type { ContentKind, ContentStore } from "./store.js";
import type { Upload } from "./upload.js";

export interface ContentServerOptions {
  host: string;
  port: number;
  /** Largest upload accepted, in bytes. */
  maxUploadBytes: number;
  /** Most that one origin uploads at once, and again in each hour, in bytes as they count on disk; no limit if left out. */
  uploadBytesPerHour?: number;
  /** Told the HTTP status of every upload that is refused. */
  onRefused?: (status: number) => void;
  /** What the provider answers for in a job, by the job's id as 0x and 64 digits; undefined if nothing yet. */
  resultOf?: (job: string) => Promise<SignedResult | undefined>;
  /** How slow transfers are noticed, what the hour is, and how much there may be at once; others only in tests. */
  every?: Every;
  now?: () => number;
  connections?: ShareLimits;
  downloads?: ShareLimits;
}

/** Of all but the body of a request, and of a connection on which nothing moves. */
const TIMEOUT_MS = 30_000;
const HOUR_MS = 3_600_000;
const CONNECTIONS = { total: 512, perOrigin: 32 } as const;
/** At once. One takes a few buffers of 64 KiB, whatever the size of its file. */
const DOWNLOADS = { total: 128, perOrigin: 32 } as const;
/** Bytes on disk of uploads that are not checked yet, in largest uploads. */
const HELD_UPLOADS = { total: 16, perOrigin: 2 } as const;
/** Uploads that came and wait to be checked: the thread that does it has jobs' inputs to check as well. */
const CHECKS = { total: 32, perOrigin: 8 } as const;
const TOO_MUCH = "too much uploaded from there: try later, or host the input elsewhere";
const PATH = /^\/(tensors|files|results)\/(0x[0-9a-f]{64})$/;

/**
 * Serves the content store over HTTP: `GET /tensors/<commitment>`, `GET /files/<sha256>`, and `PUT /tensors/<commitment>`
 * for inputs; and `GET /results/<job>`, the provider's signature over a result, often before it is on chain. An upload is kept only if it is what its name says, so nobody can plant or replace anything. A download is
 * sent as it lies on disk: its reader checks it. However idle or slow some strangers are, others get their answers.
 */
export class ContentServer {
  readonly #server: Server;
  readonly #every: Every;
  readonly #connections: Shares;
  readonly #downloads: Shares;
  /** In bytes. */
  readonly #uploads: Shares;
  readonly #quota: Quota;
  readonly #checks = new Shares(CHECKS);
  readonly #turns = new Turns({ limit: 1, limitOfGroup: 1 });

  constructor(
    private readonly store: ContentStore,
    private readonly options: ContentServerOptions,
  ) {
    this.#every = options.every ?? everyInterval;
    this.#connections = new Shares(options.connections ?? CONNECTIONS);
    this.#downloads = new Shares(options.downloads ?? DOWNLOADS);
    this.#quota = new Quota({ perOrigin: options.uploadBytesPerHour ?? Infinity, periodMs: HOUR_MS }, options.now);
    this.#uploads = new Shares({
      total: HELD_UPLOADS.total * options.maxUploadBytes,
      perOrigin: HELD_UPLOADS.perOrigin * options.maxUploadBytes,
    });
    this.#server = createServer((request, response) => {
      // Nobody keeps a place between two requests that others need.
      if (this.#connections.isCrowded) response.setHeader("connection", "close");
      // Who has its answer need not send the rest, however slowly.
      response.once("finish", () => {
        if (!request.complete) request.destroy();
      });
      this.#handle(request, response).catch(() => {
        if (response.headersSent) response.destroy();
        else if (request.method === "PUT") this.#refuse(response, 500, "failed");
        else reply(response, 500, "failed");
      });
    });
    this.#server.requestTimeout = TIMEOUT_MS + longestFor(options.maxUploadBytes);
    this.#server.headersTimeout = TIMEOUT_MS;
    this.#server.timeout = TIMEOUT_MS;
    this.#server.on("connection", (socket) => {
      const origin = originOfConnection(socket);
      if (this.#connections.isCrowded) this.#server.closeIdleConnections();
      if (!this.#connections.take(origin)) socket.destroy();
      else
        socket.once("close", () => {
          this.#connections.give(origin);
        });
    });
  }

  /** Listens; resolves with the port in use. */
  start(): Promise<number> {
    return listen(this.#server, this.options);
  }

  stop(): Promise<void> {
    return close(this.#server);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === "/health") {
      reply(response, 200, "ok");
      return;
    }
    const [, kind, name] = PATH.exec(request.url ?? "") ?? [];
    if (kind === "results" && name && request.method === "GET") {
      await this.#sendResult(response, name);
    } else if ((kind !== "tensors" && kind !== "files") || !name) {
      reply(response, 404, "no such path");
    } else if (request.method === "HEAD") {
      const size = await this.store.sizeOf(kind, name);
      if (size === undefined) reply(response, 404, "not here");
      else response.writeHead(200, { "content-type": "application/octet-stream", "content-length": size }).end();
    } else if (request.method === "GET") {
      await this.#send(request, response, kind, name);
    } else if (request.method === "PUT" && kind === "tensors") {
      await this.#receive(request, response, name);
    } else {
      reply(response, 405, "not allowed");
    }
  }

  #refuse(response: ServerResponse, status: number, message: string): void {
    this.options.onRefused?.(status);
    reply(response, status, message);
  }

  async #sendResult(response: ServerResponse, job: string): Promise<void> {
    const result = await this.options.resultOf?.(job);
    if (!result) {
      reply(response, 404, "not here");
      return;
    }
    const { outputCommitment, signature } = result;
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ jobId: job, outputCommitment, signature }));
  }

  async #send(request: IncomingMessage, response: ServerResponse, kind: ContentKind, name: string): Promise<void> {
    const origin = originOf(request);
    if (!this.#downloads.take(origin)) {
      reply(response, 503, "busy: try again");
      return;
    }
    const pace = new Pace(this.#every, () => request.socket.destroy());
    try {
      const found = await this.store.open(kind, name);
      if (!found) {
        reply(response, 404, "not here");
        return;
      }
      response.writeHead(200, { "content-type": "application/octet-stream", "content-length": found.size });
      await pipeline(found.stream, (chunks: AsyncIterable<Buffer>) => measured(chunks, pace), response);
    } finally {
      pace.stop();
      this.#downloads.give(origin);
    }
  }

  async #receive(request: IncomingMessage, response: ServerResponse, name: string): Promise<void> {
    const origin = originOf(request);
    if (!this.#quota.take(origin, LEAST_BYTES)) {
      this.#refuse(response, 429, TOO_MUCH);
      return;
    }
    const upload = await this.store.receive();
    let size = 0;
    const stop = (status: number, message: string) => {
      this.#refuse(response, status, message);
      request.destroy();
    };
    const pace = new Pace(this.#every, () => {
      stop(408, "too slow");
    });
    try {
      for await (const chunk of measured(request as AsyncIterable<Buffer>, pace)) {
        if (size + chunk.length > this.options.maxUploadBytes) {
          stop(413, `more than ${this.options.maxUploadBytes} bytes`);
          return;
        }
        if (!this.#quota.take(origin, chunk.length)) {
          stop(429, TOO_MUCH);
          return;
        }
        if (!this.#uploads.take(origin, chunk.length)) {
          stop(503, "busy: try again");
          return;
        }
        size += chunk.length;
        await upload.write(chunk);
      }
      pace.stop();
      await this.#check(origin, response, () => this.#keep(response, name, upload));
    } finally {
      pace.stop();
      await upload.end();
      this.#uploads.give(origin, size);
    }
  }

  /** One after another: what jobs need is checked in between. */
  async #check(origin: string, response: ServerResponse, check: () => Promise<void>): Promise<void> {
    if (!this.#checks.take(origin)) {
      this.#refuse(response, 503, "busy: try again");
      return;
    }
    try {
      await this.#turns.take(origin, check);
    } finally {
      this.#checks.give(origin);
    }
  }

  async #keep(response: ServerResponse, name: string, upload: Upload): Promise<void> {
    try {
      const root = await this.store.keepUpload(upload, name);
      if (root === name) reply(response, 201, "kept");
      else this.#refuse(response, 422, `the tensors commit to ${root}`);
    } catch (error) {
      if (error instanceof TensorError || error instanceof CheckError) this.#refuse(response, 422, error.message);
      else if (error instanceof StoreFullError)
        this.#refuse(response, 507, "the store is full of what is needed: try later");
      else throw error;
    }
  }
}

async function* measured(chunks: AsyncIterable<Buffer>, pace: Pace): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    pace.moved(chunk.length);
    yield chunk;
  }
}

/** Whoever was told already that it was too slow is told nothing more. */
function reply(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) return;
  response.writeHead(status, { "content-type": "text/plain" });
  response.end(`${message}\n`);
}
