import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

import type { Tensor, TensorCommitment, TensorErrorCode, TraceCommitment, TraceOutline } from "@assay/sdk";
import { AssayError, MerkleTree, TensorError } from "@assay/sdk";

import { unlessAborted } from "../deadline.js";
import { WorkerError } from "../errors.js";
import { Gate } from "../jobs/gate.js";

/** What the thread gets. */
export interface CommitTask {
  readonly outline: TraceOutline;
  readonly trace: readonly Tensor[];
}

/** What it answers: trees as their levels, since a class does not pass between threads. */
export type Committed =
  | (Omit<TraceCommitment, "tensors"> & {
      readonly kind: "committed";
      readonly tensors: readonly (Omit<TensorCommitment, "tree"> & { readonly levels: readonly Uint8Array[] })[];
    })
  | { readonly kind: "refused"; readonly message: string; readonly code?: TensorErrorCode };

/** Around what one trace has the thread for: so that who measures it leaves out the waiting. */
export type Turn = (act: () => Promise<TraceCommitment>) => Promise<TraceCommitment>;

const THREAD = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "./commitThread.ts" : "./commitThread.js", import.meta.url),
);

/**
 * Commits to traces as `commitTrace` does, one after another in a thread of its own, so that everything else goes on
 * meanwhile. The thread stays: to start one takes longer than a small trace. It ends with the signal.
 */
export class Committer {
  readonly #gate = new Gate(1);
  /** Started with the first trace. */
  #running: Worker | undefined;

  constructor(private readonly signal: AbortSignal) {
    signal.addEventListener("abort", () => void this.#running?.terminate(), { once: true });
  }

  commit(
    { tensors, inputNames, outputNames, outputs }: TraceOutline,
    trace: readonly Tensor[],
    turn: Turn = (act) => act(),
  ): Promise<TraceCommitment> {
    const task: CommitTask = { outline: { tensors, inputNames, outputNames, outputs }, trace };
    return this.#gate.pass(() => turn(async () => revive(await this.#ask(task))));
  }

  async #ask(task: CommitTask): Promise<Committed> {
    this.signal.throwIfAborted();
    const thread = (this.#running ??= this.#start());
    // Only a trace keeps the process alive.
    thread.ref();
    try {
      return await unlessAborted(this.signal, answerOf(thread, task));
    } catch (error) {
      this.#end(thread);
      throw error;
    } finally {
      thread.unref();
    }
  }

  #start(): Worker {
    const thread = new Worker(THREAD, { env: {} });
    // It may die with nothing to do: the next trace starts another.
    thread.on("error", () => undefined);
    thread.once("exit", () => {
      this.#end(thread);
    });
    return thread;
  }

  #end(thread: Worker): void {
    if (this.#running === thread) this.#running = undefined;
    void thread.terminate();
  }
}

function answerOf(thread: Worker, task: CommitTask): Promise<Committed> {
  return new Promise((resolve, reject) => {
    const fail = (error?: Error) => {
      const why = error ? `failed: ${error.message}` : "ended early";
      settle(() => {
        reject(new WorkerError(`the thread that commits to a trace ${why}`, true, { cause: error }));
      });
    };
    const onError = (error: Error) => {
      fail(error);
    };
    const onExit = () => {
      fail();
    };
    const onMessage = (committed: Committed) => {
      settle(() => {
        resolve(committed);
      });
    };
    const settle = (act: () => void) => {
      thread.off("message", onMessage).off("error", onError).off("exit", onExit);
      act();
    };
    thread.on("message", onMessage).on("error", onError).on("exit", onExit);
    thread.postMessage(task);
  });
}

function revive(committed: Committed): TraceCommitment {
  if (committed.kind === "refused") {
    const { code, message } = committed;
    throw code === undefined ? new AssayError(message) : new TensorError(code, message);
  }
  const { traceRoot, inputRoot, outputRoot, tensors } = committed;
  const withTree = tensors.map(({ levels, ...rest }) => ({ ...rest, tree: MerkleTree.fromLevels(levels) }));
  return { tensors: withTree, traceRoot, inputRoot, outputRoot };
}
