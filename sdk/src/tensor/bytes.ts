import { TensorError } from "./errors.js";

export type Hex = `0x${string}`;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export function toHex(bytes: Uint8Array): Hex {
  const parts = new Array<string>(bytes.length);
  for (let i = 0; i < bytes.length; i++) parts[i] = HEX[bytes[i] as number] as string;
  return `0x${parts.join("")}`;
}

export function fromHex(hex: string): Uint8Array {
  if (!/^0x(?:[0-9a-fA-F]{2})*$/.test(hex)) throw new TensorError("BAD_HEX", "not a 0x-prefixed hex string");
  const bytes = new Uint8Array(hex.length / 2 - 1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 + 2 * i, 4 + 2 * i), 16);
  return bytes;
}

export function bytes32(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  if (bytes.length !== 32) throw new TensorError("BAD_HEX", `expected 32 bytes, got ${bytes.length}`);
  return bytes;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** `abi.encode` of static values, one 32-byte word each. */
export function abiWords(words: readonly (number | Uint8Array)[]): Uint8Array {
  const out = new Uint8Array(32 * words.length);
  const view = new DataView(out.buffer);
  words.forEach((word, i) => {
    if (typeof word === "number") view.setBigUint64(32 * i + 24, BigInt(word));
    else out.set(word, 32 * i);
  });
  return out;
}

/** UTF-8; a lone surrogate is refused because it would encode to the same bytes as U+FFFD. */
export function utf8(text: string): Uint8Array {
  if (/\p{Surrogate}/u.test(text)) throw new TensorError("BAD_NAME", "text holds a lone surrogate");
  return new TextEncoder().encode(text);
}
