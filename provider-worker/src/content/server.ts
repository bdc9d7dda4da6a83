import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { TensorError } from "@assay/sdk";

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
const PATH = /^\/(tensors|files)\/(0x[0-9a-f]{64})$/;

/**
 * Serves the content store over HTTP: `GET /tensors/<commitment>`, `GET /files/<sha256>`, and `PUT /tensors/<commitment>`
 * for inputs. An upload is kept only if it is what its name says, so nobody can plant or replace anything.
 */
export class ContentServer {
  readonly #server: Server;

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
  }

  /** Listens; resolves with the port in use. */
  start(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.options.port, this.options.host, () => {
        this.#server.off("error", reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => {
      this.#server.close(resolve);
      this.#server.closeAllConnections();
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === "/health") {
      reply(response, 200, "ok");
      return;
    }
    const [, kind, name] = PATH.exec(request.url ?? "") ?? [];
    if ((kind !== "tensors" && kind !== "files") || !name) {
      reply(response, 404, "no such path");
    } else if (request.method === "GET" || request.method === "HEAD") {
      const bytes = await this.store.get(kind, name);
      if (!bytes) reply(response, 404, "not here");
      else {
        response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes.length });
        response.end(request.method === "HEAD" ? undefined : bytes);
      }
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

  async #receive(request: IncomingMessage, response: ServerResponse, name: string): Promise<void> {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > this.options.maxUploadBytes) {
        this.#refuse(response, 413, `more than ${this.options.maxUploadBytes} bytes`);
        request.destroy();
        return;
      }
      chunks.push(chunk);
    }
    const bytes = Buffer.concat(chunks);
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
