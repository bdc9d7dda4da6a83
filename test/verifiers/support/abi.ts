import { id } from "ethers";

import type { Claim } from "../../../sdk/src/court/index.js";
import type { TensorHeader } from "../../../sdk/src/tensor/index.js";
import { fromHex } from "../../../sdk/src/tensor/index.js";

// `abi.encodeCall(contradicts, claim)`: the tests make tens of thousands, too many for a general encoder.

/** An opening whose leaf is not in hex yet. */
export type RawOpening = Omit<Claim["openings"][number], "data"> & { readonly data: Uint8Array };
export type RawClaim = Omit<Claim, "openings"> & { readonly openings: readonly RawOpening[] };

type Part = { readonly dynamic: boolean; readonly bytes: Uint8Array };

const SELECTOR = fromHex(
  id(
    "contradicts(((uint16,bytes,(uint8,uint32,bytes32)[],bytes32,(uint8,bool,uint16,bool)),(uint8,uint8,uint32[8],uint8,uint32,uint32,bytes32)[],uint256,(uint16,uint32,bytes,bytes32[])[]))",
  ).slice(0, 10),
);

/** `abi.encodeCall` of one of the harness's functions: a verifier, encoded claims, and bytes to change if it takes them. */
export function encodeBatch(
  signature: string,
  verifier: string,
  calls: readonly Uint8Array[],
  changes?: readonly { place: number; mask: number }[],
): Uint8Array {
  const places = changes?.map(({ place }) => fixed(number(place)));
  const masks = changes?.map(({ mask }) => fixed(number(mask).reverse()));
  const parts = [fixed(concat([new Uint8Array(12), fromHex(verifier)])), array(calls.map(bytes))];
  if (places && masks) parts.push(array(places), array(masks));
  return concat([fromHex(id(signature).slice(0, 10)), sequence(parts)]);
}

export function encodeClaim(claim: RawClaim): Uint8Array {
  return concat([SELECTOR, sequence([claimPart(claim)])]);
}

/** Where in an encoded claim the bytes of its first opening's leaf begin. */
export function firstLeafAt(call: Uint8Array): number {
  const view = new DataView(call.buffer, call.byteOffset);
  const pointer = (base: number, at: number): number => base + view.getUint32(at + 28);
  const claim = pointer(4, 4);
  const openings = pointer(claim, claim + 96) + 32;
  const first = pointer(openings, openings);
  return pointer(first, first + 64) + 32;
}

function claimPart({ node, headers, element, openings }: RawClaim): Part {
  const { mode, fused, block, biasFirst } = node.numeric;
  const operands = node.operands.map(({ source, tensor, hash }) =>
    fixed(concat([number(source), number(tensor), fromHex(hash)])),
  );
  const encodedNode = tuple([
    fixed(number(node.operator)),
    bytes(fromHex(node.attributes)),
    array(operands),
    fixed(fromHex(node.outputMeta)),
    fixed(concat([number(mode), number(Number(fused)), number(block), number(Number(biasFirst))])),
  ]);
  return tuple([
    encodedNode,
    array(headers.map(header)),
    fixed(number(element)),
    array(
      openings.map(({ operand, leaf, data, proof }) =>
        tuple([
          fixed(number(operand)),
          fixed(number(leaf)),
          bytes(data),
          array(proof.map((hash) => fixed(fromHex(hash)))),
        ]),
      ),
    ),
  ]);
}

function header({ dtype, rank, dims, layout, chunkElems, nLeaves, merkleRoot }: TensorHeader): Part {
  const words = [dtype, rank, ...dims, layout, chunkElems, nLeaves].map(number);
  return fixed(concat([...words, fromHex(merkleRoot)]));
}

const fixed = (value: Uint8Array): Part => ({ dynamic: false, bytes: value });
const tuple = (parts: readonly Part[]): Part => ({ dynamic: true, bytes: sequence(parts) });
const array = (parts: readonly Part[]): Part => ({
  dynamic: true,
  bytes: concat([number(parts.length), sequence(parts)]),
});

function bytes(value: Uint8Array): Part {
  const padded = new Uint8Array(32 + Math.ceil(value.length / 32) * 32);
  padded.set(number(value.length));
  padded.set(value, 32);
  return { dynamic: true, bytes: padded };
}

/** Fixed parts in place, of others the offset, and then themselves. */
function sequence(parts: readonly Part[]): Uint8Array {
  let end = parts.reduce((sum, part) => sum + (part.dynamic ? 32 : part.bytes.length), 0);
  const heads: Uint8Array[] = [];
  const tails: Uint8Array[] = [];
  for (const part of parts) {
    if (!part.dynamic) {
      heads.push(part.bytes);
      continue;
    }
    heads.push(number(end));
    tails.push(part.bytes);
    end += part.bytes.length;
  }
  return concat([...heads, ...tails]);
}

function number(value: number): Uint8Array {
  const word = new Uint8Array(32);
  new DataView(word.buffer).setBigUint64(24, BigInt(value));
  return word;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
