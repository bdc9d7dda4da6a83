import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker as Thread } from "node:worker_threads";

import type { BundleFile, Tensor, TensorErrorCode } from "@assay/sdk";
import { serialiseBundle, TensorError } from "@assay/sdk";

import { within } from "../deadline.js";
import { WorkerError } from "../errors.js";
import { Turns } from "../jobs/turns.js";

/** What the thread is asked: about a file on disk, or about bytes that are handed over. */
export interface CheckTask {
  readonly kind: "bundle" | "file";
  readonly source: string | Uint8Array;
  readonly wantsBytes: boolean;
}

export type CheckAnswer =
  | { readonly kind: "bundle"; readonly root: string; readonly bundle: BundleFile | undefined }
  | { readonly kind: "file"; readonly sha256: string; readonly bytes: Uint8Array | undefined }
  | { readonly kind: "refused"; readonly code: TensorErrorCode; readonly message: string }
  | { readonly kind: "unreadable" };

/** A file and its hash, computed just now. */
export interface HashedFile {
  readonly sha256: string;
  readonly bytes: Uint8Array;
}

/** A check did not come to its end: the thread died of it, or it took too long. */
export class CheckError extends WorkerError {
  override name = "CheckError";

  constructor(message: string, options?: ErrorOptions) {
    super(message, true, options);
  }
}

export interface CheckerOptions {
  /** Module of the thread, and how long one check may take; others only in tests. */
  thread?: string;
  deadlineMs?: number;
}

const THREAD = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "./checkThread.ts" : "./checkThread.js", import.meta.url),
);
/** Two gigabytes, the most that settings allow, take some 15 s. */
const DEADLINE_MS = 120_000;
/** Of the thread's heap; the bytes that it checks are not in it. */
const MEMORY = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32 } as const;

/**
 * Reads and hashes what may be large in one thread of its own, one thing after another, so that everything else goes on
 * meanwhile. A check that kills the thread or takes too long fails; the next one gets a new thread. Bytes that are given
 * are handed over: they are gone from where they were, and come back in the answer.
 */
export class Checker {
  readonly #turns = new Turns({ limit: 1, limitOfGroup: 1 });
  readonly #stop = new AbortController();
  readonly #thread: string;
  readonly #deadlineMs: number;
  /** Started with the first check. */
  #running: Thread | undefined;

  constructor({ thread = THREAD, deadlineMs = DEADLINE_MS }: CheckerOptions = {}) {
    this.#thread = thread;
    this.#deadlineMs = deadlineMs;
  }

  /** What the bundle in a file commits to; undefined if the file cannot be read. Throws `TensorError` if it is none. */
  async rootAt(file: string): Promise<string | undefined> {
    const answer = await this.#ask({ kind: "bundle", source: file, wantsBytes: false });
    return answer.kind === "bundle" ? answer.root : undefined;
  }

  /** The bundle in a file; undefined if the file cannot be read. Throws `TensorError` if it is none. */
  async bundleAt(file: string): Promise<BundleFile | undefined> {
    const answer = await this.#ask({ kind: "bundle", source: file, wantsBytes: true });
    return answer.kind === "bundle" ? answer.bundle : undefined;
  }

  /** As `unpackBundle`. */
  async unpack(bytes: Uint8Array): Promise<BundleFile> {
    const answer = await this.#ask({ kind: "bundle", source: bytes, wantsBytes: true });
    if (answer.kind !== "bundle" || !answer.bundle) throw new CheckError(`the thread that checks said ${answer.kind}`);
    return answer.bundle;
  }

  /** As `packBundle`; the tensors are copied. */
  async pack(tensors: ReadonlyMap<string, Tensor>, names: readonly string[]): Promise<BundleFile> {
    const extra = [...tensors.keys()].filter((name) => !names.includes(name));
    if (extra.length > 0) throw new TensorError("BAD_NAME", `not in the signature: ${extra.join(", ")}`);
    return this.unpack(serialiseBundle(tensors, names));
  }

  /** The sha-256 of a file; undefined if it cannot be read. */
  async sha256At(file: string): Promise<string | undefined> {
    const answer = await this.#ask({ kind: "file", source: file, wantsBytes: false });
    return answer.kind === "file" ? answer.sha256 : undefined;
  }

  /** A file and its sha-256; undefined if it cannot be read. */
  async fileAt(file: string): Promise<HashedFile | undefined> {
    return hashed(await this.#ask({ kind: "file", source: file, wantsBytes: true }));
  }

  async hash(bytes: Uint8Array): Promise<HashedFile> {
    const file = hashed(await this.#ask({ kind: "file", source: bytes, wantsBytes: true }));
    if (!file) throw new CheckError("the thread that checks gave no hash");
    return file;
  }

  /** Ends what is under way; nothing is checked afterwards. */
  async stop(): Promise<void> {
    this.#stop.abort(new WorkerError("the worker stops", true));
    await this.#running?.terminate();
  }

  #ask(task: CheckTask): Promise<CheckAnswer> {
    return this.#turns.take("", async () => {
      this.#stop.signal.throwIfAborted();
      const thread = (this.#running ??= this.#start());
      // Only a check keeps the process alive.
      thread.ref();
      try {
        const late = () => new CheckError(`a check took more than ${this.#deadlineMs} ms`);
        return refusalThrown(
          await within(this.#deadlineMs, late, this.#stop.signal, (signal) => answerOf(thread, task, signal)),
        );
      } catch (error) {
        if (!(error instanceof TensorError)) this.#end(thread);
        throw error;
      } finally {
        thread.unref();
      }
    });
  }

  #start(): Thread {
    const thread = new Thread(this.#thread, { env: {}, resourceLimits: MEMORY });
    // It may die with nothing to do: the next check starts another.
    thread.on("error", () => undefined);
    thread.once("exit", () => {
      this.#end(thread);
    });
    return thread;
  }

  #end(thread: Thread): void {
    if (this.#running === thread) this.#running = undefined;
    void thread.terminate();
  }
}

async function answerOf(thread: Thread, task: CheckTask, signal: AbortSignal): Promise<CheckAnswer> {
  const over = new AbortController();
  const heard = { signal: AbortSignal.any([signal, over.signal]) };
  try {
    const died = once(thread, "exit", heard).then(() => {
      throw new Error("it ended");
    });
    thread.postMessage(task, owned(task.source));
    const [answer] = (await Promise.race([once(thread, "message", heard), died])) as [CheckAnswer];
    return answer;
  } catch (error) {
    signal.throwIfAborted();
    throw new CheckError(`the thread that checks failed: ${(error as Error).message}`, { cause: error });
  } finally {
    over.abort();
  }
}

/** Memory that is nobody else's is handed over; a small part of some that is shared is copied. */
function owned(source: string | Uint8Array): ArrayBuffer[] {
  if (typeof source === "string" || !(source.buffer instanceof ArrayBuffer)) return [];
  return source.length === source.buffer.byteLength ? [source.buffer] : [];
}

function refusalThrown(answer: CheckAnswer): CheckAnswer {
  if (answer.kind === "refused") throw new TensorError(answer.code, answer.message);
  return answer;
}

function hashed(answer: CheckAnswer): HashedFile | undefined {
  if (answer.kind !== "file" || !answer.bytes) return undefined;
  return { sha256: answer.sha256, bytes: answer.bytes };
}
