import { Random } from "../../../../sdk/test/tensor/random.js";
import { fma, INFINITY, NAN, ONE, SIGN, toBits } from "./float32.js";

type Numbers = readonly [a: number, b: number, c: number];

const MAGNITUDES: readonly number[] = [
  0, // zero
  1, // smallest subnormal
  2,
  3,
  0x00400000, // half the smallest normal
  0x007ffffe,
  0x007fffff, // largest subnormal
  0x00800000, // smallest normal
  0x00800001,
  0x00ffffff,
  0x01000000,
  0x0c000000, // about the square root of the smallest normal
  0x33800000, // 2^-24, half a unit in the last place of one
  0x34000000,
  0x3effffff,
  0x3f000000, // one half
  0x3f7fffff, // largest below one
  ONE,
  0x3f800001,
  0x3fc00000, // one and a half
  0x3fffffff,
  0x40000000,
  0x40200000, // two and a half
  0x4b000000, // 2^23, from where on all numbers are integers
  0x4b7fffff,
  0x4b800000, // 2^24
  0x4b800001,
  0x4f000000, // 2^31
  0x5f000000, // 2^63
  0x5f3504f3, // about the square root of the largest
  0x73000000,
  0x7f000000, // 2^127
  0x7f7ffffe,
  0x7f7fffff, // largest
  INFINITY,
  0x7f800001, // signalling NaN
  NAN,
  0x7fffffff, // NaN with all bits set
];

/** Every class of numbers and its neighbours, of both signs. */
export const EDGES: readonly number[] = MAGNITUDES.flatMap((x) => [x, (x | SIGN) >>> 0]);

/** Any pattern, a number near one, or one with few bits, which makes ties. */
function anyNumber(random: Random): number {
  switch (random.below(8)) {
    case 0:
      return random.pick(EDGES);
    case 1:
      return nearOne(random);
    case 2:
      return fewBits(random, random.below(256));
    case 3:
      return withField(random, random.below(25));
    default:
      return random.next();
  }
}

function nearOne(random: Random): number {
  return withField(random, 117 + random.below(20));
}

/** Any sign and fraction with a given exponent field. */
function withField(random: Random, field: number): number {
  return ((random.next() & 0x807fffff) | (clamp(field) << 23)) >>> 0;
}

/** A fraction of up to three bits. */
function fewBits(random: Random, field: number): number {
  const fraction = (1 << random.below(23)) | (1 << random.below(23)) | (1 << random.below(23));
  const kept = random.below(3) === 0 ? 0 : fraction;
  return (((random.next() & SIGN) | (clamp(field) << 23) | kept) & 0xffffffff) >>> 0;
}

function clamp(field: number): number {
  return Math.min(255, Math.max(0, field));
}

function fieldOf(bits: number): number {
  return (bits >>> 23) & 0xff;
}

/** The pattern some steps away, of the same sign where it exists. */
function neighbour(random: Random, bits: number): number {
  const magnitude = (bits & 0x7fffffff) + random.below(9) - 4;
  return ((bits & SIGN) | Math.min(0x7fffffff, Math.max(0, magnitude))) >>> 0;
}

/** A second operand that is hard for a first one: close, cancelling, half a unit away, at the ends of the range. */
function partner(random: Random, a: number): number {
  switch (random.below(8)) {
    case 0:
      return neighbour(random, a);
    case 1:
      return neighbour(random, (a ^ SIGN) >>> 0);
    case 2:
      return withField(random, fieldOf(a) + random.below(65) - 32);
    case 3:
      return fewBits(random, fieldOf(a) + random.below(55) - 27);
    case 4: // a product at the lower end of the range
      return withField(random, 127 - fieldOf(a) + random.below(30) - 5);
    case 5: // a product at the upper end of the range
      return withField(random, 381 - fieldOf(a) + random.below(5) - 3);
    case 6: // a quotient at one of the ends
      return withField(random, fieldOf(a) + random.pick([127, -127, 130, -150, -140, 120]) + random.below(8) - 4);
    default:
      return anyNumber(random);
  }
}

export function* numbers(count: number, seed: number): Generator<Numbers> {
  const random = new Random(seed);
  yield* EDGES.slice(0, count).map((a): Numbers => [a, 0, 0]);
  for (let i = EDGES.length; i < count; i++) yield [anyNumber(random), 0, 0];
}

/** Numbers whose roots are closest to the middle between two numbers, then any. */
export function* radicands(count: number, seed: number): Generator<Numbers> {
  const hard = hardRadicands();
  yield* hard.slice(0, count).map((a): Numbers => [a, 0, 0]);
  yield* numbers(Math.max(0, count - hard.length), seed);
}

/** All m of 24 bits for which m * 2^26, or m * 2^25, is within 128 of the square of an odd number of 25 bits. */
function hardRadicands(): number[] {
  const hard: number[] = [];
  for (let root = 2 ** 24 + 1; root < 2 ** 25; root += 2) {
    const square = root * root;
    const scale = square < 2 ** 49 ? 2 ** 25 : 2 ** 26;
    const m = Math.round(square / scale);
    if (Math.abs(m * scale - square) < 128) hard.push(toBits(scale === 2 ** 26 ? m : 2 * m));
  }
  return hard;
}

export function* pairs(count: number, seed: number): Generator<Numbers> {
  const random = new Random(seed);
  const edges = EDGES.flatMap((a) => EDGES.map((b): Numbers => [a, b, 0]));
  yield* edges.slice(0, count);
  for (let i = edges.length; i < count; i++) {
    const a = anyNumber(random);
    yield [a, partner(random, a), 0];
  }
}

/** One number of each class, of both signs. */
const CLASSES = [0, 1, 0x007fffff, 0x00800000, ONE, 0x7f7fffff, INFINITY, NAN].flatMap((x) => [x, (x | SIGN) >>> 0]);

export function* triples(count: number, seed: number): Generator<Numbers> {
  const random = new Random(seed);
  const classes = CLASSES.flatMap((a) => CLASSES.flatMap((b) => CLASSES.map((c): Numbers => [a, b, c])));
  yield* classes.slice(0, count);
  for (let i = classes.length; i < count; i++) {
    yield random.pick([anyTriple, closeTriple, closeTriple, tiedTriple])(random);
  }
}

function anyTriple(random: Random): Numbers {
  const a = anyNumber(random);
  return [a, partner(random, a), anyNumber(random)];
}

/** Sums that cancel, tie, or lie at a chosen distance from their product. */
function closeTriple(random: Random): Numbers {
  const a = random.below(2) === 0 ? nearOne(random) : anyNumber(random);
  const b = random.below(2) === 0 ? fewBits(random, 100 + random.below(55)) : partner(random, a);
  const product = fma(a, b, 0);
  const opposite = (product ^ SIGN) >>> 0;
  const c = random.pick([
    opposite,
    neighbour(random, opposite),
    neighbour(random, product),
    fewBits(random, fieldOf(product) + random.below(121) - 60),
    withField(random, fieldOf(product) + random.below(121) - 60),
    random.pick(EDGES),
  ]);
  return [a, b, c];
}

/** A product in the middle between two numbers, and something small that tips the balance, or nothing. */
function tiedTriple(random: Random): Numbers {
  // Odd and below the root of 2^25: the product has 25 bits, the last of which is one.
  const factor = (): number => 2 ** 12 + 1 + 2 * random.below(848);
  const sign = random.below(2) === 0 ? 1 : -1;
  return [toBits(factor()), toBits(sign * factor()), random.below(8) === 0 ? 0 : withField(random, random.below(151))];
}

/** Factors of three terms, and what they are added to. Each term is hard for the sum before it. */
export function* chains(count: number, seed: number): Generator<readonly number[]> {
  const random = new Random(seed);
  for (const [a, b, c] of triples(count, seed)) {
    const first = fma(a, b, c);
    const [d, e] = factorsBeside(random, first);
    const [f, g] = factorsBeside(random, fma(d, e, first));
    yield [a, b, d, e, f, g, c];
  }
}

/** A product that is close to a sum, opposite to it, half a unit away, or anything; often it has all its 48 bits. */
function factorsBeside(random: Random, sum: number): readonly [a: number, b: number] {
  const number = random.below(4) === 0 ? neighbour(random, (sum ^ SIGN) >>> 0) : partner(random, sum);
  switch (random.below(8)) {
    case 0:
      return [anyNumber(random), anyNumber(random)];
    case 1:
      return [random.pick(EDGES), number];
    case 2:
      return [number, fewBits(random, 126 + random.below(3))];
    case 3:
      return [nearOne(random), number];
    case 4: {
      const shift = random.below(60) - 30;
      return [withField(random, fieldOf(sum) + shift), withField(random, 127 - shift)];
    }
    default:
      return [number, (ONE ^ (random.next() & SIGN)) >>> 0];
  }
}

export function* integers(count: number, seed: number): Generator<bigint> {
  const random = new Random(seed);
  const edges = [0n, 1n, 2n, 3n, 7n].flatMap((small) =>
    [0n, ...[8, 23, 24, 25, 31, 32, 63, 64, 78, 79, 80, 103, 104, 127, 128, 255].map((n) => 1n << BigInt(n))].flatMap(
      (power) => [power + small, power - small, -power - small, -power + small],
    ),
  );
  for (const edge of edges.slice(0, count)) yield BigInt.asUintN(256, edge);
  for (let i = edges.length; i < count; i++) {
    const bits = 1 + random.below(256);
    let x = 0n;
    for (let word = 0; word < 8; word++) x = (x << 32n) | BigInt(random.next());
    x >>= BigInt(256 - bits);
    // One time in two, 26 bits with nothing or only a last bit behind them: a tie, or not quite.
    const tail = BigInt(Math.max(0, bits - 26));
    if (random.below(2) === 0) x = ((x >> tail) << tail) | (tail === 0n ? 0n : BigInt(random.below(2)));
    yield BigInt.asUintN(256, random.below(2) === 0 ? x : -x);
  }
}

/** Tails behind the 24 bits that stay, as numerators over 8 of a unit; the last bit is a sticky one. */
const TAILS = [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n] as const;
/** The first bits of a significand: smallest, odd and even, all ones, and those that carry far. */
const HEADS = [0x800000n, 0x800001n, 0x800002n, 0xaaaaaan, 0xbfffffn, 0xfffffen, 0xffffffn] as const;

/**
 * All combinations of: how many bits there are (up to the 80 that are allowed), how the kept ones end, what is behind them, whether anything
 * is behind that, and exponents around both ends of the range and in its middle. Every one of them whatever `count`.
 */
export function* roundings(): Generator<bigint> {
  const exponents = [...range(-30, 3), 50, 126, ...range(252, 257)];
  for (const length of [27n, 28n, 29n, 31n, 40n, 46n, 47n, 48n, 53n, 64n, 71n, 78n, 79n, 80n]) {
    for (const head of HEADS) {
      for (const tail of TAILS) {
        const m = ((head << 3n) | tail) << (length - 27n);
        for (const exponent of exponents) {
          // The exponent field of the result, unless it is subnormal or infinite, is `exponent`.
          const k = BigInt(exponent) - length + 25n;
          yield rounding(0n, m, k);
          if (length > 27n) yield rounding(1n, m | 1n, k);
        }
      }
    }
  }
  yield* smallRoundings();
}

/** Everything up to seven bits, at every exponent where that can be rounded. */
function* smallRoundings(): Generator<bigint> {
  for (let m = 0n; m < 128n; m++) {
    for (const k of [...range(-9, 26), ...range(245, 281)]) yield rounding(m & 1n, m, BigInt(k));
  }
}

function rounding(sign: bigint, m: bigint, k: bigint): bigint {
  return (sign << 255n) | (m << 160n) | BigInt.asUintN(160, k);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
