import { lookup } from "node:dns";
import { open, realpath } from "node:fs/promises";
import { isIP } from "node:net";
import path from "node:path";
import { setImmediate as others } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { Agent, request } from "undici";

import { ContentError, WorkerError } from "../errors.js";
import { isPrivateAddress } from "./privateAddress.js";

export interface FetcherOptions {
  /** Folders that `file:` URIs may point into. */
  fileRoots: readonly string[];
  /** Whether `http:` and addresses of this machine and private networks are allowed: for development only. */
  allowPrivate: boolean;
  /** Milliseconds for a connection, and for one whole download unless its caller gives others. */
  timeoutMs: number;
}

/** Copied in one go. */
const PAUSE_BYTES = 8_000_000;

/**
 * Fetches what other people's URIs name: bounded in size and time, no redirects, and never from this machine or its
 * network unless allowed. The address is checked where the connection is made, so a name that resolves anew cannot
 * slip past. What comes back is not trusted: callers check its hash or commitment.
 */
export class Fetcher {
  readonly #agent: Agent;

  constructor(private readonly options: FetcherOptions) {
    this.#agent = new Agent({
      connect: {
        timeout: options.timeoutMs,
        lookup: (hostname, lookupOptions, callback) => {
          lookup(hostname, { ...lookupOptions, all: true }, (error, addresses) => {
            const found = Array.isArray(addresses) ? addresses : [];
            const refused = options.allowPrivate ? undefined : found.find(({ address }) => isPrivateAddress(address));
            if (error) callback(error, []);
            else if (refused) callback(privateError(`${hostname} (${refused.address})`), []);
            else callback(null, found);
          });
        },
      },
    });
  }

  /**
   * The bytes at `uri`, at most `maxBytes`; ends with the signal's reason once that aborts. Throws `ContentError` where the
   * answer is that they are not to be had there.
   */
  async fetch(
    uri: string,
    maxBytes: number,
    signal?: AbortSignal,
    timeoutMs = this.options.timeoutMs,
  ): Promise<Uint8Array> {
    let url: URL;
    try {
      url = new URL(uri);
    } catch {
      throw new ContentError(`${JSON.stringify(uri)} is no URI`);
    }
    if (url.protocol === "file:") return this.#fromFile(url, maxBytes);
    if (url.protocol === "https:" || (url.protocol === "http:" && this.options.allowPrivate)) {
      return this.#fromHttp(url, maxBytes, timeoutMs, signal);
    }
    throw new ContentError(`${url.protocol} URIs are not fetched: use https: or an allowed file:`);
  }

  async stop(): Promise<void> {
    await this.#agent.destroy();
  }

  async #fromFile(url: URL, maxBytes: number): Promise<Uint8Array> {
    let target: string;
    try {
      target = await realpath(fileURLToPath(url));
    } catch (error) {
      throw new ContentError(`${url.href} does not exist`, { cause: error });
    }
    const roots = await Promise.all(this.options.fileRoots.map((root) => realpath(root).catch(() => undefined)));
    if (!roots.some((root) => root !== undefined && target.startsWith(root + path.sep))) {
      throw new ContentError(`${url.href} is outside the folders that settings allow`);
    }
    const file = await open(target, "r");
    try {
      const { size } = await file.stat();
      if (size > maxBytes) throw tooLarge(url, maxBytes);
      return await file.readFile();
    } finally {
      await file.close();
    }
  }

  async #fromHttp(url: URL, maxBytes: number, timeoutMs: number, stop?: AbortSignal): Promise<Uint8Array> {
    // A literal address never reaches `lookup`.
    const literal = url.hostname.replace(/^\[|\]$/g, "");
    if (!this.options.allowPrivate && isIP(literal) !== 0 && isPrivateAddress(literal)) throw privateError(literal);
    const deadline = new AbortController();
    const timer = setTimeout(() => {
      deadline.abort(new Error(`no answer within ${timeoutMs} ms`));
    }, timeoutMs);
    try {
      const signal = stop ? AbortSignal.any([deadline.signal, stop]) : deadline.signal;
      const { statusCode, body } = await request(url, { dispatcher: this.#agent, signal });
      // A body that fails after its last reader left must not bring the process down.
      body.on("error", () => undefined);
      if (statusCode !== 200) {
        body.destroy();
        const message = `${url.href} answered ${statusCode}`;
        throw statusCode >= 500 || statusCode === 429 ? new WorkerError(message, true) : new ContentError(message);
      }
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of body as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > maxBytes) throw tooLarge(url, maxBytes);
        chunks.push(chunk);
      }
      return await joined(chunks, size);
    } catch (error) {
      stop?.throwIfAborted();
      if (error instanceof WorkerError) throw error;
      throw new WorkerError(`cannot fetch ${url.href}: ${(error as Error).message}`, true, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** As one, and nobody else's memory. New memory is slow, so other work comes in between. */
async function joined(chunks: readonly Buffer[], size: number): Promise<Uint8Array> {
  const whole = new Uint8Array(size);
  let at = 0;
  let unpaused = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
    unpaused += chunk.length;
    if (unpaused < PAUSE_BYTES) continue;
    unpaused = 0;
    await others();
  }
  return whole;
}

function tooLarge(url: URL, maxBytes: number): ContentError {
  return new ContentError(`${url.href} has more than ${maxBytes} bytes`);
}

function privateError(host: string): ContentError {
  return new ContentError(`${host} is this machine or a private network: not fetched`);
}
