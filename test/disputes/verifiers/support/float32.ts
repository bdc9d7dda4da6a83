/** binary32 as bit patterns, and arithmetic on them that owes nothing to the Solidity code. */

const view = new DataView(new ArrayBuffer(4));

export const NAN = 0x7fc00000;
export const INFINITY = 0x7f800000;
export const SIGN = 0x80000000;
export const ONE = 0x3f800000;

/** The bits of the binary32 number nearest to `x`; one pattern for all NaNs. */
export function toBits(x: number): number {
  if (Number.isNaN(x)) return NAN;
  view.setFloat32(0, x);
  return view.getUint32(0);
}

export function toNumber(bits: number): number {
  view.setUint32(0, bits);
  return view.getFloat32(0);
}

export function isFinite32(bits: number): boolean {
  return (bits & INFINITY) !== INFINITY;
}

/** A finite number as an integer number of 2^-149, the smallest subnormal. */
export function toUnits(bits: number): bigint {
  const field = (bits >>> 23) & 0xff;
  const fraction = bits & 0x7fffff;
  const magnitude = field === 0 ? BigInt(fraction) : BigInt(fraction | 0x800000) << BigInt(field - 1);
  return bits >>> 31 === 1 ? -magnitude : magnitude;
}

/** The bits of the number nearest to x * 2^exponent, ties to even, by comparing with half of what is cut off. */
export function roundExact(x: bigint, exponent: number): number {
  const sign = x < 0n ? SIGN : 0;
  const magnitude = x < 0n ? -x : x;
  // The unit in the last place: that of 24 bits, or of a subnormal.
  const unit = Math.max(magnitude.toString(2).length - 24 + exponent, -149);
  const shift = unit - exponent;
  let kept: bigint;
  if (shift <= 0) {
    kept = magnitude << BigInt(-shift);
  } else {
    const whole = 1n << BigInt(shift);
    kept = magnitude / whole;
    const twice = 2n * (magnitude % whole);
    if (twice > whole || (twice === whole && kept % 2n === 1n)) kept += 1n;
  }
  // Both factors and the product are binary64 numbers, unless the product is beyond binary32 anyway.
  const value = unit > 128 ? (kept === 0n ? 0 : Infinity) : Number(kept) * 2 ** unit;
  return (toBits(value) | sign) >>> 0;
}

/** a * b + c, rounded once. */
export function fma(a: number, b: number, c: number): number {
  const [x, y, z] = [toNumber(a), toNumber(b), toNumber(c)];
  if (!isFinite32(a) || !isFinite32(b) || !isFinite32(c)) {
    // The product of finite numbers cannot overflow in binary64.
    return toBits(x * y + z);
  }
  const exact = toUnits(a) * toUnits(b) + (toUnits(c) << 149n);
  // The sign of a zero is that which binary64 gives, where product and sum are zero in the same cases.
  return exact === 0n ? toBits(x * y + z) : roundExact(exact, -298);
}

/** The nearest integer, ties to even, with the sign of x. */
export function roundHalfEven(x: number): number {
  const magnitude = Math.abs(x);
  if (!(magnitude < 2 ** 23)) return x;
  const floor = Math.floor(magnitude);
  const rest = magnitude - floor;
  const up = rest > 0.5 || (rest === 0.5 && floor % 2 === 1);
  return Object.is(Math.sign(x), -0) || x < 0 ? -(floor + (up ? 1 : 0)) : floor + (up ? 1 : 0);
}
