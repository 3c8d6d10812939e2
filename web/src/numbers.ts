/** Numbers in the form that the engine takes, and in the form that people read. */
import type { Table } from './check.ts';

export const low = (seed: bigint) => Number(seed & 0xffffffffn);
export const high = (seed: bigint) => Number(seed >> 32n);

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

/** Checked options as numbers for the engine, in the order of their table.  NaN means the default; a word becomes its index. */
export function numbersOf(table: Table, options: object): number[] {
  const given = options as Record<string, unknown>;
  return Object.entries(table).map(([name, kind]) => {
    const value = given[name];
    return value === undefined ? NaN : typeof kind === 'string' ? Number(value) : (kind as readonly unknown[]).indexOf(value);
  });
}

/** Options with a seed, whose 64 bits come first. */
export function withSeed(numbers: readonly number[], seed: bigint): Uint8Array {
  const given = Float64Array.from(numbers);
  new BigUint64Array(given.buffer)[0] = seed;
  return new Uint8Array(given.buffer);
}
