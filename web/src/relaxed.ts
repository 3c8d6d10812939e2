/** A module whose function has one instruction of relaxed SIMD (i32x4.relaxed_dot_i8x16_i7x16_add_s); engines without
 *  relaxed SIMD do not validate it. */
const PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0,
  65, 0, 253, 15, 65, 0, 253, 15, 65, 0, 253, 15, 253, 147, 2, 11,
]);

/** Whether `palimpsest-relaxed.wasm` can be loaded here.  The worker uses this, and the service worker to choose which
 *  build it keeps. */
export function hasRelaxed(): boolean {
  return WebAssembly.validate(PROBE);
}
