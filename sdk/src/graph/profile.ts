import { AbiCoder } from "ethers";

import { fromHex, toHex, type Hex } from "../tensor/bytes.js";
import { keccak256, keccak256Text } from "../tensor/hash.js";
import type { RuntimeBuild } from "./runtime.js";

export const PROFILE_V1: Hex = keccak256Text("assay.profile.v1");

/** How results of a model are judged; the names of the registry's profiles. */
export type ProfileKind = "Exact" | "Canonical" | "Tolerance";

/** What a provider must use. */
export interface Profile {
  readonly kind: ProfileKind;
  readonly runtime: string;
  readonly version: string;
  readonly settings: string;
}

export function profileOf(kind: ProfileKind, { name, version, settings }: RuntimeBuild): Profile {
  return { kind, runtime: name, version, settings };
}

/** The profile in a graph. */
export function hashProfile({ kind, runtime, version, settings }: Profile): Hex {
  const types = ["bytes32", "string", "string", "string", "string"];
  const encoded = AbiCoder.defaultAbiCoder().encode(types, [PROFILE_V1, kind, runtime, version, settings]);
  return toHex(keccak256(fromHex(encoded)));
}
