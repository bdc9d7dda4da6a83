import { aligned, type Tensor } from "./tensor.js";

const F32_NAN = 0x7fc0_0000;
const F64_NAN_HIGH = 0x7ff8_0000;
const F16_NAN = 0x7e00;

/** Replaces NaNs in place, or with `dryRun` only tells whether there is one to replace. */
type Fix = (data: Uint8Array, dryRun: boolean) => boolean;

/**
 * Every NaN becomes the positive quiet NaN without payload: which NaN an operation yields differs
 * between CPUs, and honest parties must commit to equal bytes. The given tensor is never written to;
 * it is returned itself if nothing changes.
 */
export function canonicaliseNaN(tensor: Tensor): Tensor {
  switch (tensor.dtype) {
    case "float32":
      return rewrite(tensor, 4, fix32);
    case "float64":
      return rewrite(tensor, 8, fix64);
    case "float16":
      return rewrite(tensor, 2, fix16);
    default:
      return tensor;
  }
}

function rewrite(tensor: Tensor, size: number, fix: Fix): Tensor {
  if (!fix(aligned(tensor.data, size), true)) return tensor;
  const data = Uint8Array.from(tensor.data);
  fix(data, false);
  return { ...tensor, data };
}

function words32(data: Uint8Array): Uint32Array {
  return new Uint32Array(data.buffer, data.byteOffset, data.byteLength / 4);
}

const fix32: Fix = (data, dryRun) => {
  const words = words32(data);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    if ((word & 0x7fff_ffff) <= 0x7f80_0000 || word === F32_NAN) continue;
    if (dryRun) return true;
    words[i] = F32_NAN;
  }
  return false;
};

const fix64: Fix = (data, dryRun) => {
  const words = words32(data);
  for (let i = 0; i < words.length; i += 2) {
    const low = words[i] as number;
    const high = words[i + 1] as number;
    const exponent = high & 0x7fff_ffff;
    if (exponent < 0x7ff0_0000 || (exponent === 0x7ff0_0000 && low === 0)) continue;
    if (high === F64_NAN_HIGH && low === 0) continue;
    if (dryRun) return true;
    words[i] = 0;
    words[i + 1] = F64_NAN_HIGH;
  }
  return false;
};

const fix16: Fix = (data, dryRun) => {
  const words = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    if ((word & 0x7fff) <= 0x7c00 || word === F16_NAN) continue;
    if (dryRun) return true;
    words[i] = F16_NAN;
  }
  return false;
};
