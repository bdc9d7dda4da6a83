import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";

import { TensorError } from "@assay/sdk";

import { close, listen } from "../listen.js";
import type { ContentStore } from "./store.js";
import { StoreFullError } from "./store.js";

export interface ContentServerOptions {
  host: string;
  port: number;
  /** Largest upload accepted, in bytes. */
  maxUploadBytes: number;
  /** Told the HTTP status of every upload that is refused. */
  onRefused?: (status: number) => void;
}

const REQUEST_TIMEOUT_MS = 30_000;
const MAX_CONNECTIONS = 256;
/** Bytes in memory at once, in largest uploads. */
const HELD_UPLOADS = 4;
const PATH = /^\/(tensors|files)\/(0x[0-9a-f]{64})$/;

/**
 * Serves the content store over HTTP: `GET /tensors/<commitment>`, `GET /files/<sha256>`, and `PUT /tensors/<commitment>`
 * for inputs. An upload is kept only if it is what its name says, so nobody can plant or replace anything.
 */
export class ContentServer {
  readonly #server: Server;
  /** Bytes of uploads and downloads under way. */
  #held = 0;

  constructor(
    private readonly store: ContentStore,
    private readonly options: ContentServerOptions,
  ) {
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch(() => {
        if (!response.headersSent) reply(response, 500, "failed");
        else response.destroy();
      });
    });
    this.#server.requestTimeout = REQUEST_TIMEOUT_MS;
    this.#server.headersTimeout = REQUEST_TIMEOUT_MS;
    this.#server.maxConnections = MAX_CONNECTIONS;
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
    if ((kind !== "tensors" && kind !== "files") || !name) {
      reply(response, 404, "no such path");
    } else if (request.method === "HEAD") {
      const size = await this.store.sizeOf(kind, name);
      if (size === undefined) reply(response, 404, "not here");
      else response.writeHead(200, { "content-type": "application/octet-stream", "content-length": size }).end();
    } else if (request.method === "GET") {
      await this.#send(response, kind, name);
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

  async #send(response: ServerResponse, kind: "tensors" | "files", name: string): Promise<void> {
    const size = (await this.store.sizeOf(kind, name)) ?? 0;
    if (this.#isBusy(size)) {
      reply(response, 503, "busy: try again");
      return;
    }
    this.#held += size;
    try {
      const bytes = await this.store.get(kind, name);
      if (!bytes) {
        reply(response, 404, "not here");
        return;
      }
      response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes.length });
      // Held until it is sent or the reader is gone.
      await new Promise((resolve) => {
        response.once("close", resolve).end(bytes);
      });
    } finally {
      this.#held -= size;
    }
  }

  /** Whether this many more bytes in memory are too many: strangers must not fill it. One file always fits. */
  #isBusy(size: number): boolean {
    return this.#held > 0 && this.#held + size > HELD_UPLOADS * this.options.maxUploadBytes;
  }

  async #receive(request: IncomingMessage, response: ServerResponse, name: string): Promise<void> {
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        const busy = this.#isBusy(chunk.length);
        size += chunk.length;
        this.#held += chunk.length;
        if (busy || size > this.options.maxUploadBytes) {
          if (busy) this.#refuse(response, 503, "busy: try again");
          else this.#refuse(response, 413, `more than ${this.options.maxUploadBytes} bytes`);
          request.destroy();
          return;
        }
        chunks.push(chunk);
      }
      await this.#keep(response, name, Buffer.concat(chunks));
    } finally {
      this.#held -= size;
    }
  }

  async #keep(response: ServerResponse, name: string, bytes: Buffer): Promise<void> {
    try {
      const root = await this.store.putTensors(bytes);
      if (root === name) reply(response, 201, "kept");
      else this.#refuse(response, 422, `the tensors commit to ${root}`);
    } catch (error) {
      if (error instanceof TensorError) this.#refuse(response, 422, error.message);
      else if (error instanceof StoreFullError)
        this.#refuse(response, 507, "the store is full of open jobs: try later");
      else throw error;
    }
  }
}

function reply(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { "content-type": "text/plain" });
  response.end(`${message}\n`);
}
