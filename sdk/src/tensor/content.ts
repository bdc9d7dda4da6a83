import { sha256 } from "ethers";
import { CID } from "multiformats/cid";
import * as Digest from "multiformats/hashes/digest";
import { bytes32, toHex, type Hex } from "./bytes.js";
import { TensorError } from "./errors.js";

const RAW = 0x55;
const SHA2_256 = 0x12;

/** sha-256: what contracts store for files. On Node it is the native one. */
export function contentHash(bytes: Uint8Array): Hex {
  return sha256(bytes) as Hex;
}

/** CIDv1, raw, sha2-256, base32: the name of the same hash in IPFS. */
export function cidFromHash(hash: string): string {
  return CID.createV1(RAW, Digest.create(SHA2_256, bytes32(hash))).toString();
}

export function cidOf(bytes: Uint8Array): string {
  return cidFromHash(contentHash(bytes));
}

/** Refuses every CID that is not the hash of the plain bytes. */
export function hashFromCid(text: string): Hex {
  let cid: CID;
  try {
    cid = CID.parse(text);
  } catch (cause) {
    throw new TensorError("BAD_CID", `not a CID: ${JSON.stringify(text)}`, { cause });
  }
  if (cid.version !== 1 || cid.code !== RAW || cid.multihash.code !== SHA2_256 || cid.multihash.size !== 32) {
    throw new TensorError("BAD_CID", `not a raw sha2-256 CIDv1: ${text}`);
  }
  return toHex(cid.multihash.digest);
}
