import type { CourtModel } from "@assay/sdk";

/** Milliseconds of a run and its commitment. */
export interface TraceTimes {
  readonly run: number;
  /** Of it and of the commitment, what no two traces do at the same time. */
  readonly serial: number;
}

/** Gas of a transaction that posts the trace of a small model, and of each root more. */
const [BASE_GAS, ROOT_GAS] = [157_000, 1_400];

/** Each input beyond the first is as long as so many roots, and each output. */
const ROOTS_OF_END = 17;

/** Gas of the longest trace: `TRACE` of `DefenceGas`. */
const MOST_GAS = 5_600_000;

/** What a trace of each model costs this machine, as far as some were made. */
export class TraceCosts {
  /** Of the last traces of each model, the newer ones counting more. */
  readonly #times = new Map<bigint, TraceTimes>();
  readonly #gas = new Map<bigint, number>();

  constructor(
    /** Runs that go on side by side. */
    private readonly atOnce: number,
    /** What a trace is taken to need before one was made. */
    private readonly mostSeconds: number,
  ) {}

  note(modelId: bigint, model: Pick<CourtModel, "tensors" | "inputNames" | "outputNames">, times: TraceTimes): void {
    const { run, serial } = this.#times.get(modelId) ?? times;
    this.#times.set(modelId, { run: (run + times.run) / 2, serial: (serial + times.serial) / 2 });
    this.#gas.set(modelId, gasOf(model));
  }

  /** Forgets how long traces of a model took. */
  forget(modelId: bigint): void {
    this.#times.delete(modelId);
  }

  /** Seconds for one trace more, where as many are made at once as can be. */
  secondsOf(modelId: bigint): number {
    const times = this.#times.get(modelId);
    if (!times) return this.mostSeconds;
    // Fewer cores than threads: what is serial takes its share of them too.
    return Math.max(times.serial, (times.run + times.serial) / this.atOnce) / 1000;
  }

  /** About the gas of posting a trace; that of the longest before one was made. */
  gasOf(modelId: bigint): number {
    return this.#gas.get(modelId) ?? MOST_GAS;
  }
}

function gasOf({
  tensors,
  inputNames,
  outputNames,
}: Pick<CourtModel, "tensors" | "inputNames" | "outputNames">): number {
  const roots = tensors.length + ROOTS_OF_END * (inputNames.length + outputNames.length - 2);
  return Math.min(MOST_GAS, BASE_GAS + ROOT_GAS * roots);
}
