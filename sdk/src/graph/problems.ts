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

  constructor(readonly problems: readonly Problem[]) {
    const lines = problems.map(
      ({ where, what, reason, remedy }) => `- ${what} ${JSON.stringify(where)}: ${reason}. ${remedy}.`,
    );
    super(`the model cannot be judged by proof:\n${lines.join("\n")}`);
  }
}

/** What a lowering throws; the node is added by whoever catches it. */
export class Refusal extends AssayError {
  override name = "Refusal";

  constructor(
    readonly reason: string,
    readonly remedy: string,
  ) {
    super(`${reason}. ${remedy}.`);
  }
}
