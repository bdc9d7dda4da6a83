import { AssayError, decodeRevert, TensorError } from "@assay/sdk";
import { isError } from "ethers";
import { HardhatPluginError } from "hardhat/plugins";

/** What a user can mend: Hardhat shows the message without a stack. */
export class UserError extends HardhatPluginError {
  constructor(message: string, cause?: Error) {
    super("assay", message, cause);
  }
}

/** The error as a user should meet it; what nobody foresaw keeps its stack. */
export function presentable(error: unknown): unknown {
  const decoded = decodeRevert(error);
  const message = foreseen(decoded);
  return message === undefined ? decoded : new UserError(message, decoded instanceof Error ? decoded : undefined);
}

function foreseen(error: unknown): string | undefined {
  if (error instanceof AssayError || error instanceof TensorError) return error.message;
  if (isError(error, "INSUFFICIENT_FUNDS")) return "the account cannot pay for the transaction: fund it first";
  if (isError(error, "CALL_EXCEPTION")) return `the contract refused: ${error.shortMessage}`;
  if (error instanceof Error && error.name === "ProviderError") return `the node refused: ${error.message}`;
  return undefined;
}
