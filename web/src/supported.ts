import { isNode } from './platform.ts';

/** A module whose function has one SIMD instruction (i8x16.splat); browsers without SIMD do not validate it. */
const SIMD_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11,
]);

/** Whether the engine can run here, and if not, why. */
export function supported(): {
  /** Whether it can run. */
  ok: boolean;
  /** What is missing, or null. */
  why: string | null;
} {
  const no = (why: string) => ({ ok: false, why });
  if (typeof WebAssembly === 'undefined') return no('This browser does not support WebAssembly, or it is switched off.');
  if (!WebAssembly.validate(SIMD_PROBE)) return no('This browser does not support WebAssembly SIMD, which the engine needs.');
  if (!isNode && typeof Worker === 'undefined') return no('This browser does not support workers.');
  return { ok: true, why: null };
}
