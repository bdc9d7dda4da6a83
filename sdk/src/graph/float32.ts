const word = new DataView(new ArrayBuffer(4));

/** The float32 that has these bits. */
export function fromBits(bits: number): number {
  word.setUint32(0, bits);
  return word.getFloat32(0);
}

export function toBits(value: number): number {
  word.setFloat32(0, value);
  return word.getUint32(0);
}

/** To the nearest integer, ties to the even one. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest === 0.5) return below % 2 === 0 ? below : below + 1;
  return rest < 0.5 ? below : below + 1;
}

const double = new Float64Array(1);
const halves = new Uint32Array(double.buffer);
/** Which of the two 32-bit halves of a double holds its lowest bits depends on the processor. */
const [LOW, HIGH] = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? [0, 1] : [1, 0];

/**
 * a * b + c, rounded once. The product is exact in a double; the sum is rounded to odd, so that rounding it again to a
 * float32 is rounding it once.
 */
export function fma(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  const part = sum - product;
  const lost = product - (sum - part) + (c - part);
  // Exact, infinite or no number.
  if (lost === 0 || !Number.isFinite(sum)) return Math.fround(sum);
  double[0] = sum;
  const low = halves[LOW] ?? 0;
  if (low % 2 === 1) return Math.fround(sum);
  if (lost > 0 === sum > 0) halves[LOW] = low + 1;
  else {
    halves[LOW] = low - 1;
    if (low === 0) halves[HIGH] = (halves[HIGH] ?? 0) - 1;
  }
  return Math.fround(double[0]);
}
