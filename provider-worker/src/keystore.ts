import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";

import { Wallet } from "ethers";

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
  let json: string;
  try {
    json = readFileSync(file, "utf8");
  } catch (error) {
    throw new WorkerError(`cannot read the keystore ${file}: run assay-worker init`, false, { cause: error });
  }
  if (process.platform !== "win32" && (statSync(file).mode & 0o077) !== 0) {
    throw new WorkerError(`${file} can be read by others: chmod 600 ${file}`);
  }
  try {
    const wallet = await Wallet.fromEncryptedJson(json, password);
    return new Wallet(wallet.privateKey);
  } catch {
    // The cause could hold the password.
    throw new WorkerError(`cannot open the keystore ${file}: wrong password, or no keystore`);
  }
}

/** The password from ASSAY_PASSWORD, which is then removed from the environment, or from a file. */
export function readPassword(environment: NodeJS.ProcessEnv, file: string | undefined): string {
  const given = environment.ASSAY_PASSWORD;
  delete environment.ASSAY_PASSWORD;
  if (given !== undefined) return given;
  if (file === undefined) throw new WorkerError("no password: set ASSAY_PASSWORD or passwordFile");
  try {
    return readFileSync(file, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    throw new WorkerError(`cannot read the password file ${file}`, false, { cause: error });
  }
}
