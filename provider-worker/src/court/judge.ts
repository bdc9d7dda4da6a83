import { fileURLToPath } from "node:url";
import { Worker as Thread } from "node:worker_threads";

import type {
  Accusation,
  CourtModel,
  DemandedPart,
  Difference,
  Step,
  Tensor,
  TensorCommitment,
  TraceCommitment,
} from "@assay/sdk";
import { within } from "../deadline.js";
import { WorkerError } from "../errors.js";
import { Turns } from "../jobs/turns.js";
import type { CourtRun } from "./courtRuns.js";

type Tensors = ReadonlyMap<string, Tensor>;

/** A trace as it passes between threads: trees as their levels, since a class does not. */
export type PlainTrace = Omit<TraceCommitment, "tensors"> & {
  readonly tensors: readonly (Omit<TensorCommitment, "tree"> & { readonly levels: readonly Uint8Array[] })[];
};

/** What the thread begins with. */
export type JudgeTask =
  | {
      readonly kind: "difference";
      readonly model: CourtModel;
      readonly own: readonly Tensor[];
      readonly claimed?: Tensors;
    }
  | {
      readonly kind: "search";
      readonly model: CourtModel;
      readonly run: PlainTrace;
      readonly roots: readonly string[];
    };

/** What a search is asked. */
export interface SearchQuestion {
  readonly demands: readonly DemandedPart[];
  readonly outputs: Tensors | undefined;
}

/** A step as it passes between threads: an accusation with its ever shorter forms, in place of a function that cuts it. */
export type PlainStep =
  | Exclude<Step, { kind: "accuse" }>
  | { readonly kind: "accuse"; readonly forms: readonly Omit<Accusation, "smaller">[] };

export type JudgeAnswer =
  | { readonly kind: "difference"; readonly difference: Difference }
  | { readonly kind: "step"; readonly step: PlainStep }
  | { readonly kind: "refused"; readonly message: string };

/** A search in one posted trace, which remembers what it judged. */
export interface TraceSearch {
  next(demands: readonly DemandedPart[], outputs: Tensors | undefined, signal: AbortSignal): Promise<Step>;
  stop(): void;
}

/** Compares and searches what strangers made, apart from everything else. */
export interface Judge {
  /** As `differenceOf`. */
  difference(
    model: CourtModel,
    own: readonly Tensor[],
    claimed: Tensors | undefined,
    signal: AbortSignal,
  ): Promise<Difference>;
  search(run: CourtRun, roots: readonly string[]): TraceSearch;
}

/**
 * A comparison or a step of a search took too long, or is not begun because others of the model did. Others may have had the
 * machine, so that it may do better at another time.
 */
export class JudgeError extends WorkerError {
  override name = "JudgeError";

  constructor(
    message: string,
    override readonly pause: number,
  ) {
    super(message, true);
  }
}

export interface JudgeOptions {
  /** Module of the thread, and how long one comparison or step may take; others only in tests. */
  thread?: string;
  deadlineMs?: number;
  /** Milliseconds since some moment. */
  now?: () => number;
}

/** How often on end searches or comparisons of a model took too long, and until when it is left alone, by the judge's clock. */
interface Late {
  readonly times: number;
  readonly until: number;
}

const THREAD = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "./judgeThread.ts" : "./judgeThread.js", import.meta.url),
);
/** Two minutes are some 400 million products. */
const DEADLINE_MS = 120_000;
/** Times on end that they may take too long before it is left alone for a while. */
const TRIES = 3;
/** Seconds of the first such while and of the longest: each is twice as long as the one before. */
const [FIRST_PAUSE, LONGEST_PAUSE] = [600, 3600];

/** Of a thread's heap; the tensors that it compares are not in it. */
const MEMORY = { maxOldGenerationSizeMb: 1024, maxYoungGenerationSizeMb: 64 } as const;

/** A thread for each comparison and each search, ended at a deadline and by the signal; two compute at a time. */
export class ThreadJudge implements Judge {
  readonly #turns = new Turns({ limit: 2, limitOfGroup: 1 });
  /** What took too long the last time: `comparing` or `searching` of a model. */
  readonly #late = new Map<string, Late>();
  readonly #thread: string;
  readonly #deadlineMs: number;
  readonly #now: () => number;

  constructor({ thread = THREAD, deadlineMs = DEADLINE_MS, now = () => performance.now() }: JudgeOptions = {}) {
    this.#thread = thread;
    this.#deadlineMs = deadlineMs;
    this.#now = now;
  }

  async difference(
    model: CourtModel,
    own: readonly Tensor[],
    claimed: Tensors | undefined,
    signal: AbortSignal,
  ): Promise<Difference> {
    const answer = await this.#turns.take(model.commitment, async () => {
      signal.throwIfAborted();
      this.#requireRested(comparing(model));
      const task: JudgeTask = { kind: "difference", model: withoutFile(model), own, ...(claimed && { claimed }) };
      const thread = this.#start(task);
      try {
        return await this.#answerOf(thread, comparing(model), signal);
      } finally {
        await thread.terminate();
      }
    });
    if (answer.kind !== "difference") throw new WorkerError(`the thread that compares said ${answer.kind}`, true);
    return answer.difference;
  }

  search({ model, trace }: CourtRun, roots: readonly string[]): TraceSearch {
    let thread: Thread | undefined;
    const stop = () => {
      void thread?.terminate();
      thread = undefined;
    };
    const begin = (): Thread => {
      const begun = this.#start({ kind: "search", model: withoutFile(model), run: plain(trace), roots });
      // One that ended between two questions hears no more of them.
      return begun.once("exit", () => {
        if (thread === begun) thread = undefined;
      });
    };
    const ask = async (question: SearchQuestion, signal: AbortSignal): Promise<JudgeAnswer> => {
      signal.throwIfAborted();
      this.#requireRested(searching(model));
      const running = (thread ??= begin());
      // Only a question keeps the process alive.
      running.ref();
      try {
        running.postMessage(question);
        return await this.#answerOf(running, searching(model), signal);
      } catch (error) {
        stop();
        throw error;
      } finally {
        running.unref();
      }
    };
    return {
      next: async (demands, outputs, signal) => {
        const answer = await this.#turns.take(model.commitment, () => ask({ demands, outputs }, signal));
        if (answer.kind !== "step") throw new WorkerError(`the thread that searches said ${answer.kind}`, true);
        return stepOf(answer.step);
      },
      stop,
    };
  }

  #start(task: JudgeTask): Thread {
    const thread = new Thread(this.#thread, { workerData: task, env: {}, resourceLimits: MEMORY });
    // Whoever waits for an answer hears of it.
    thread.on("error", () => undefined);
    return thread;
  }

  async #answerOf(thread: Thread, work: string, signal: AbortSignal): Promise<JudgeAnswer> {
    const late = () => {
      const message = `comparing with this machine's run took more than ${this.#deadlineMs} ms`;
      return new JudgeError(message, this.#noteLate(work));
    };
    const answer = await within(this.#deadlineMs, late, signal, (either) => nextAnswer(thread, either));
    this.#late.delete(work);
    return refusalThrown(answer);
  }

  /** For how many seconds such work is left alone: however busy the machine was, not for good. */
  #noteLate(work: string): number {
    const times = (this.#late.get(work)?.times ?? 0) + 1;
    const pause = times < TRIES ? 0 : Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (times - TRIES));
    this.#late.set(work, { times, until: this.#now() + 1000 * pause });
    return pause;
  }

  /** Only two compute at a time: what always takes too long must not keep other models from their turns. */
  #requireRested(work: string): void {
    const left = Math.ceil(((this.#late.get(work)?.until ?? 0) - this.#now()) / 1000);
    if (left > 0) throw new JudgeError(`comparing took too long ${TRIES} times on end: left alone for ${left} s`, left);
  }
}

/** The thread is ended by whoever asked. */
function nextAnswer(thread: Thread, signal: AbortSignal): Promise<JudgeAnswer> {
  return new Promise((resolve, reject) => {
    const heard = (answer: JudgeAnswer) => {
      end();
      resolve(answer);
    };
    const failed = (error: Error) => {
      end();
      reject(new WorkerError(`the thread that judges failed: ${error.message}`, true, { cause: error }));
    };
    const gone = () => {
      failed(new Error("it ended"));
    };
    const end = () => {
      thread.off("message", heard).off("error", failed).off("exit", gone);
      signal.removeEventListener("abort", end);
    };
    thread.on("message", heard).on("error", failed).on("exit", gone);
    signal.addEventListener("abort", end, { once: true });
  });
}

/** Whatever others posted or delivered, that it cannot be judged is no reason to leave them alone for good. */
function refusalThrown(answer: JudgeAnswer): JudgeAnswer {
  if (answer.kind === "refused") throw new WorkerError(`the thread that judges refused: ${answer.message}`, true);
  return answer;
}

function stepOf(step: PlainStep): Step {
  if (step.kind !== "accuse") return step;
  const accusation = step.forms.reduceRight<Accusation | undefined>(
    (smaller, form) => ({ ...form, smaller: smaller && (() => smaller) }),
    undefined,
  );
  if (!accusation) throw new WorkerError("the thread that searches accuses of nothing", true);
  return { kind: "accuse", accusation };
}

/** What is left alone by itself: a trace that takes long to search must not keep a model's results from being compared. */
const comparing = ({ commitment }: CourtModel): string => `compare ${commitment}`;
const searching = ({ commitment }: CourtModel): string => `search ${commitment}`;

/** Nothing that is judged is in the file. */
const withoutFile = (model: CourtModel): CourtModel => ({ ...model, file: new Uint8Array(0) });

function plain({ tensors, traceRoot, inputRoot, outputRoot }: TraceCommitment): PlainTrace {
  const withLevels = tensors.map(({ tree, ...rest }) => ({ ...rest, levels: tree.levels }));
  return { tensors: withLevels, traceRoot, inputRoot, outputRoot };
}
