import { readFileSync, writeFileSync } from "node:fs";

import { UserError } from "./errors.js";

export function readBytes(option: string, file: string): Uint8Array {
  return accessing(option, file, () => readFileSync(file));
}

export function writeBytes(option: string, file: string, bytes: Uint8Array): void {
  accessing(option, file, () => {
    writeFileSync(file, bytes);
  });
}

function accessing<T>(option: string, file: string, access: () => T): T {
  try {
    return access();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(`${option} is ${JSON.stringify(file)}: ${reason}`);
  }
}
