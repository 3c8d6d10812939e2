/** Numbers as the engine takes them and as people read them. */

export const low = (seed: bigint) => Number(seed & 0xffffffffn);
export const high = (seed: bigint) => Number(seed >> 32n);

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
