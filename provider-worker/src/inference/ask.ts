import type { ChildProcess, Serializable } from "node:child_process";

import { InferenceError, WorkerError } from "../errors.js";
import { residentMb } from "./memory.js";

export interface ProcessLimits {
  /** Wall time of an answer before the process is killed. */
  timeoutMs: number;
  /** Resident memory of the process before it is killed. */
  memoryMb: number;
}

export interface Question<T> {
  /** What takes so long or so much, as errors say it. */
  readonly what: string;
  /** Left out where the process answers by itself. */
  readonly request?: Serializable;
  readonly isAnswer: (message: unknown) => message is T;
}

const MEMORY_CHECK_MS = 50;

/**
 * What a child process that was just started, or that waits, answers. It is killed at the deadline, above its memory limit
 * and once the signal aborts.
 */
export function ask<T>(
  child: ChildProcess,
  { what, request, isAnswer }: Question<T>,
  { timeoutMs, memoryMb }: ProcessLimits,
  signal?: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      settle(() => {
        reject(error);
      });
    };
    const kill = (error: Error) => {
      fail(error);
      child.kill("SIGKILL");
    };
    const isTooLarge = () => {
      if (residentMb(child.pid) <= memoryMb) return false;
      kill(new InferenceError("memory", `${what} took more than ${memoryMb} MB`));
      return true;
    };
    const onMessage = (message: unknown) => {
      // Also a run that ends between two looks is held to the limit.
      if (!isAnswer(message) || isTooLarge()) return;
      settle(() => {
        resolve(message);
      });
    };
    const onExit = (code: number | null, killedBy: NodeJS.Signals | null) => {
      fail(new InferenceError("crash", `${what}: the process ended with ${killedBy ?? `code ${String(code)}`}`));
    };
    const onError = (error: Error) => {
      if (child.pid !== undefined) return;
      fail(new WorkerError(`${what}: the process cannot be started: ${error.message}`, true, { cause: error }));
    };
    const onAbort = () => {
      kill(signal?.reason as Error);
    };
    const deadline = setTimeout(() => {
      kill(new InferenceError("timeout", `${what} took more than ${timeoutMs} ms`));
    }, timeoutMs);
    const watch = setInterval(isTooLarge, MEMORY_CHECK_MS);
    const settle = (act: () => void) => {
      clearTimeout(deadline);
      clearInterval(watch);
      child.off("message", onMessage).off("exit", onExit).off("error", onError);
      signal?.removeEventListener("abort", onAbort);
      act();
    };
    child.on("message", onMessage).on("exit", onExit).on("error", onError);
    signal?.addEventListener("abort", onAbort);
    if (request === undefined || child.pid === undefined) return;
    child.send(request, (error) => {
      if (error) onExit(child.exitCode, child.signalCode);
    });
  });
}
