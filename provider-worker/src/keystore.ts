import { closeSync, existsSync, fstatSync, openSync, readFileSync, writeFileSync } from "node:fs";

import { getAddress, Wallet } from "ethers";

import { WorkerError } from "./errors.js";

/** Writes a new key, encrypted, readable by its owner only. Never overwrites. Returns its address. */
export async function createKeystore(file: string, password: string, privateKey?: string): Promise<string> {
  if (existsSync(file)) throw new WorkerError(`${file} exists: a key is never overwritten`);
  if (password.length === 0) throw new WorkerError("the password is empty");
  const wallet = privateKey === undefined ? Wallet.createRandom() : new Wallet(privateKey);
  writeFileSync(file, await wallet.encrypt(password), { mode: 0o600, flag: "wx" });
  return wallet.address;
}

/** Opens a keystore; refuses one that others on the machine can read. */
export async function openKeystore(file: string, password: string): Promise<Wallet> {
  const json = readSecret(file, `cannot read the keystore ${file}: run assay-worker init`);
  try {
    const wallet = await Wallet.fromEncryptedJson(json, password);
    return new Wallet(wallet.privateKey);
  } catch {
    // The cause could hold the password.
    throw new WorkerError(`cannot open the keystore ${file}: wrong password, or no keystore`);
  }
}

/** The address that a keystore says it has the key of; needs no password. */
export function addressIn(file: string): string {
  const json = readSecret(file, `cannot read the keystore ${file}: run assay-worker init`);
  try {
    return getAddress(String((JSON.parse(json) as { address?: unknown }).address));
  } catch {
    throw new WorkerError(`the keystore ${file} does not say its address: name another, or run assay-worker init`);
  }
}

/**
 * The password from ASSAY_PASSWORD, which is then removed from the environment, or from a file, which others on the
 * machine must not be able to read.
 */
export function readPassword(environment: NodeJS.ProcessEnv, file: string | undefined): string {
  const given = environment.ASSAY_PASSWORD;
  delete environment.ASSAY_PASSWORD;
  if (given !== undefined) return given;
  if (file === undefined) throw new WorkerError("no password: set ASSAY_PASSWORD or passwordFile");
  return readSecret(file, `cannot read the password file ${file}`).replace(/\r?\n$/, "");
}

/** The text of a file that its owner alone can read: what others have read is no secret. */
function readSecret(file: string, unreadable: string): string {
  let opened: number;
  try {
    opened = openSync(file, "r");
  } catch (error) {
    throw new WorkerError(unreadable, false, { cause: error });
  }
  try {
    if (process.platform !== "win32" && (fstatSync(opened).mode & 0o077) !== 0) {
      throw new WorkerError(`${file} can be read by others: chmod 600 ${file}`);
    }
    return readFileSync(opened, "utf8");
  } finally {
    closeSync(opened);
  }
}
