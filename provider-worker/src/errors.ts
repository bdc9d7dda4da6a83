import { TensorError } from "@assay/sdk";

/** Whatever the worker refuses or fails at; the message says what to change. */
export class WorkerError extends Error {
  override name = "WorkerError";
  /** Seconds for which it is of no use to try again. */
  readonly pause: number = 0;

  constructor(
    message: string,
    /** Whether the same step may succeed later. */
    readonly retryable = false,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * Content that is not where it should be, is not what it should be, or lies where this worker does not ask. Any of that
 * may be otherwise a moment later, so it is never a reason to stop checking on others: withholding an input for a moment
 * would be a way out. Who serves need not wait for it.
 */
export class ContentError extends WorkerError {
  override name = "ContentError";

  constructor(message: string, options?: ErrorOptions) {
    super(message, true, options);
  }
}

/** The journal cannot be used. The worker ends: it does nothing that it cannot write down. */
export class JournalError extends WorkerError {
  override name = "JournalError";
}

/** Why an inference gave no result. A job whose input does this is declined, not tried for ever. */
export class InferenceError extends WorkerError {
  override name = "InferenceError";

  constructor(
    /**
     * `external`: the model names files besides its own; `random`: it draws random numbers; `output`: it puts out too much; `changed`: its file is not the
     * one that was checked, and once it is fetched again may be.
     */
    readonly reason: "timeout" | "crash" | "memory" | "rejected" | "external" | "random" | "output" | "changed",
    message: string,
  ) {
    super(message, reason === "changed");
  }
}

/** Whether what failed with this error fails again however often it is tried. */
export function isHopeless(error: unknown): boolean {
  // That the journal failed says nothing about the job.
  if (error instanceof JournalError) return false;
  return error instanceof TensorError || (error instanceof WorkerError && !error.retryable);
}

/** Seconds for which it is of no use to try again what failed with this error. */
export function pauseAfter(error: unknown): number {
  return error instanceof WorkerError ? error.pause : 0;
}

/** Whether it may have failed for the moment only: somebody killed the process, or others took its time or memory. */
export function mayPass(error: unknown): boolean {
  return error instanceof InferenceError && ["crash", "memory", "timeout"].includes(error.reason);
}

/** Whether who serves declines a job that failed with this error: the client has to have its input there. */
export function isDeclinable(error: unknown): boolean {
  return isHopeless(error) || error instanceof ContentError;
}
