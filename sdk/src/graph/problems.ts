import { AssayError } from "../errors.js";

/** Why a model cannot be judged by the court, in one place of it. */
export interface Problem {
  /** Name of the node, or of the input, output or constant. */
  readonly where: string;
  /** ONNX operator, or what else it is. */
  readonly what: string;
  readonly reason: string;
  readonly remedy: string;
}

/** Everything that keeps a model from being prepared, at once. */
export class PreparationError extends AssayError {
  override name = "PreparationError";
  /** The message, a line for each problem. */
  readonly lines: readonly string[];

  constructor(readonly problems: readonly Problem[]) {
    const list = problems.map(
      ({ where, what, reason, remedy }) => `- ${what} ${JSON.stringify(where)}: ${reason}. ${remedy}.`,
    );
    const lines = ["the model cannot be judged by proof:", ...list];
    super(lines.join("\n"));
    this.lines = lines;
  }
}

/** What a lowering throws; the node is added by whoever catches it. */
export class Refusal extends AssayError {
  override name = "Refusal";

  constructor(
    readonly reason: string,
    readonly remedy: string,
    /** What else is wrong with the same node. */
    readonly more: readonly Refusal[] = [],
  ) {
    super(`${reason}. ${remedy}.`);
  }
}

/** Says nothing about the node itself: a tensor that it reads could not be computed. */
export class UnknownShape extends Refusal {
  override name = "UnknownShape";

  constructor(value: string) {
    super(`the shape of ${JSON.stringify(value)} is unknown`, "Mend the nodes before it");
  }
}

/** Makes all checks and throws what they found as one refusal. */
export function requireAll(...checks: readonly (() => unknown)[]): void {
  const found: Refusal[] = [];
  for (const check of checks) {
    try {
      check();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      found.push(error);
    }
  }
  const [first, ...more] = found;
  if (first) throw new Refusal(first.reason, first.remedy, more);
}
