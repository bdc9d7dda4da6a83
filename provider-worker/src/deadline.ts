/** What a promise gives, unless the signal aborts first: then the signal's reason. */
export async function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => {
      reject(signal.reason as Error);
    };
  });
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    return await Promise.race([aborted, promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Acts with a signal that aborts when `signal` does, or with the error of `late` after so many milliseconds. */
export async function within<T>(
  milliseconds: number,
  late: () => Error,
  signal: AbortSignal,
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController();
  const timer = setTimeout(() => {
    deadline.abort(late());
  }, milliseconds);
  try {
    const either = AbortSignal.any([signal, deadline.signal]);
    return await unlessAborted(either, act(either));
  } finally {
    clearTimeout(timer);
  }
}
