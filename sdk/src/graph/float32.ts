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
