import type { Random } from "../tensor/random.js";

// Functions and sums of float32 as bad as docs/verifiers/FUNCTIONS.md grants.

const f = Math.fround;
const add = (a: number, b: number): number => f(a + b);

export const uniform = (random: Random): number => random.next() / 2 ** 31 - 1;

/** A function that is wrong by up to so many units in the last place. */
export const within =
  (ulps: number, exact: (x: number) => number) =>
  (random: Random, x: number): number =>
    f(exact(x) + uniform(random) * (ulps - 0.5) * ulpOf(exact(x)));

const ulpOf = (value: number): number =>
  value === 0 || !Number.isFinite(value) ? 0 : 2 ** (Math.max(Math.floor(Math.log2(Math.abs(value))), -126) - 23);

export const exp = within(3, Math.exp);

/** Adds up in a random order, in blocks or not. */
export function summed(random: Random, values: readonly number[]): number {
  const open = [...values];
  for (let i = open.length - 1; i > 0; i--) {
    const at = random.below(i + 1);
    [open[i], open[at]] = [open[at] ?? 0, open[i] ?? 0];
  }
  const size = 1 + random.below(open.length);
  const blocks = Array.from({ length: Math.ceil(open.length / size) }, (_, i) =>
    open.slice(size * i, size * (i + 1)).reduce(add),
  );
  return blocks.reduce(add);
}

/** Means and variances of one row, as they are computed by some. */
export const STATISTICS: readonly ((random: Random, row: readonly number[]) => [mean: number, variance: number])[] = [
  (random, row) => {
    const mean = f(summed(random, row) / row.length);
    const squares = row.map((x) => f(f(x - mean) * f(x - mean)));
    return [mean, f(summed(random, squares) / row.length)];
  },
  (random, row) => {
    const mean = f(summed(random, row) / row.length);
    const square = f(
      summed(
        random,
        row.map((x) => f(x * x)),
      ) / row.length,
    );
    return [mean, Math.max(0, f(square - f(mean * mean)))];
  },
  (_, row) => {
    let [mean, squares] = [0, 0];
    row.forEach((x, i) => {
      const delta = f(x - mean);
      mean = f(mean + f(delta / (i + 1)));
      squares = f(squares + f(delta * f(x - mean)));
    });
    return [mean, f(squares / row.length)];
  },
];
