export type TensorErrorCode =
  | "BAD_DTYPE"
  | "BAD_DIMS"
  | "BAD_LENGTH"
  | "BAD_VALUE"
  | "BAD_NAME"
  | "BAD_INDEX"
  | "BAD_HEX"
  | "BAD_FILE"
  | "BAD_CID"
  | "BAD_LAYOUT"
  | "TOO_LARGE";

/** Everything this folder throws on bad input; `code` is stable, the message is for people. */
export class TensorError extends Error {
  readonly code: TensorErrorCode;

  constructor(code: TensorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "TensorError";
    this.code = code;
  }
}
