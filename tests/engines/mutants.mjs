// @ts-check
/* Mutants of an engine: in one of its kernels one opcode or one constant is changed.  The engine's self-check must find
 * them (tests/web/mutants.test.mjs).
 *
 * A kernel is a function of the engine whose name a file of src/kernels defines, or one that they share from
 * src/core/math.c; so a new kernel is included without a change here.  Mutants change values: arithmetic of vectors and
 * floats, shuffles, and constants other than zero (zeros are where sums start, and what halves are shuffled with before
 * it is masked off).  Functions that only move bytes have mutants of their integers instead.  A changed address or
 * count may have no effect or leave the memory, so not all of these must be found. */
import { readdir, readFile } from 'node:fs/promises';
import { functions, instructions } from '../../tools/lib/wasm.mjs';

/** The choice of kernels, the check itself, and functions that no model runs in a page: they have no arithmetic. */
const NOT_KERNELS = ['kernels.c', 'kernels.h', 'self_check.c', 'self_check.h', 'self_check_pictures.c'];
/** Choices and sizes: another choice gives the same bits. */
const NO_ARITHMETIC = /^pal_(pick_|kernels_|row_bytes)/;
const SHARED = ['pal_expf', 'pal_rsqrtf', 'pal_f16_to_f32'];

/** Functions that the sources of the kernels define. */
export async function kernelNames(/** @type {URL} */ root) {
  const folder = new URL('src/kernels/', root);
  const names = new Set(SHARED);
  for (const file of await readdir(folder)) {
    if (NOT_KERNELS.includes(file)) continue;
    const source = await readFile(new URL(file, folder), 'utf8');
    for (const [, name] of source.matchAll(/^(?:[a-z_A-Z]\w*[ *]+|__attribute__\(\(\w+\)\) )+(\w+)\(/gm)) if (!NO_ARITHMETIC.test(/** @type {string} */ (name))) names.add(/** @type {string} */ (name));
  }
  return names;
}

/** A replacement for each opcode, with the same length and operands. */
const OTHER = new Map([
  [0x92, 0x93], [0x93, 0x92], [0x94, 0x92], [0x95, 0x94], // f32: add, sub, mul, div
  [0xfd6b, 0xfd6d], [0xfd6c, 0xfd6b], [0xfd6d, 0xfd6b], [0xfd6e, 0xfd71], [0xfd71, 0xfd6e], // i8x16: shl, shr_s, shr_u, add, sub
  [0xfd8b, 0xfd8d], [0xfd8c, 0xfd8b], [0xfd8d, 0xfd8b], [0xfd8e, 0xfd91], [0xfd91, 0xfd8e], [0xfd95, 0xfd8e], // i16x8
  [0xfdab, 0xfdad], [0xfdac, 0xfdab], [0xfdad, 0xfdab], [0xfdae, 0xfdb1], [0xfdb1, 0xfdae], [0xfdb5, 0xfdae], // i32x4
  [0xfdba, 0xfdb5], [0xfe12, 0xfd95], [0xfe13, 0xfdae], // dot_i16x8_s: i32x4.mul; relaxed dot: i16x8.mul
  [0xfd4e, 0xfd50], [0xfd4f, 0xfd4e], [0xfd50, 0xfd4e], [0xfd51, 0xfd50], // v128: and, andnot, or, xor
  [0xfde4, 0xfde5], [0xfde5, 0xfde4], [0xfde6, 0xfde4], [0xfde7, 0xfde6], [0xfdea, 0xfdeb], [0xfdeb, 0xfdea], // f32x4
  [0xfd87, 0xfd88], [0xfd88, 0xfd87], [0xfda7, 0xfda8], [0xfda8, 0xfda7], // extend_low, extend_high
]);

/** @typedef {{ name: string, begin: number, end: number }} Function
 *
 *  A changed instruction: what is written where, where the whole of it lies, and whether it only moves bytes.
 *  @typedef {{ name: string, what: string, at: number, bytes: number[], from: number, to: number, moves: boolean }} Mutant */

const hex = (/** @type {number} */ op) => op.toString(16);

/** An opcode as it is written, without the 0xfd of vectors. */
function written(/** @type {number} */ op) {
  if (op < 0xfd00) return [op];
  const sub = op - 0xfd00;
  return sub < 128 ? [sub] : [(sub & 127) | 128, sub >> 7];
}

/** Integers, of the same length: i32 add, sub, and, or, xor, shl, shr_s, shr_u. */
const OTHER_INTEGER = new Map([[0x6a, 0x6b], [0x6b, 0x6a], [0x71, 0x72], [0x72, 0x71], [0x73, 0x72], [0x74, 0x76], [0x75, 0x74], [0x76, 0x74]]);

/** Mutants of a function that only moves bytes: integer arithmetic or, if it has none, constants.
 *  @param {Uint8Array} wasm @param {Function} of @returns {Mutant[]} */
function movesOf(wasm, { name, begin, end }) {
  const all = [...instructions(wasm, begin, end)];
  const sums = all.flatMap(({ op, at, end: to }) => {
    const other = OTHER_INTEGER.get(op);
    return other === undefined ? [] : [{ name, what: `${hex(op)} -> ${hex(other)}`, at, bytes: [other], from: at, to, moves: true }];
  });
  if (sums.length) return sums;
  const constants = all.filter(({ op }) => op === 0x41);
  return constants.map(({ at, operands, end: to }) => ({ name, what: 'i32.const', at: operands, bytes: [/** @type {number} */ (wasm[operands]) ^ 1], from: at, to, moves: true }));
}

/** Mutants of values.
 *  @param {Uint8Array} wasm @param {Function} of @returns {Generator<Mutant>} */
function* valuesOf(wasm, { name, begin, end }) {
  for (const { op, at, operands, end: to } of instructions(wasm, begin, end)) {
    const change = (/** @type {string} */ what, /** @type {number} */ where, /** @type {number[]} */ bytes) =>
      ({ name, what, at: where, bytes, from: op < 0xfd00 ? at : at - 1, to, moves: false });
    const other = OTHER.get(op);
    const constant = [...wasm.subarray(operands, to)];
    if (other !== undefined) yield change(`${hex(op)} -> ${hex(other)}`, at, written(other));
    else if ((op === 0x43 || op === 0xfd0c) && constant.some(Boolean)) yield change(op === 0x43 ? 'f32.const' : 'v128.const', operands, constant.map((byte) => byte ^ 0x41));
    else if (op === 0xfd0d) yield change('shuffle', operands, constant.map((lane, i) => (i % 15 ? lane : lane ^ 1))); // its first and last byte
  }
}

/** The mutants of an engine's kernels, up to `most` of each, spread over it.
 *  @param {Uint8Array} wasm @param {Set<string>} kernels @returns {{ names: string[], mutants: Mutant[] }} */
export function mutantsOf(wasm, kernels, most = Infinity) {
  const mutants = [];
  const those = functions(wasm).filter(({ name }) => kernels.has(name));
  for (const of of those) {
    const values = [...valuesOf(wasm, of)];
    const all = values.length ? values : movesOf(wasm, of);
    const step = Math.max(1, all.length / most);
    for (let i = 0; i < all.length; i += step) mutants.push(/** @type {Mutant} */ (all[Math.floor(i)]));
  }
  return { names: those.map(({ name }) => name), mutants };
}

/** The engine with a mutant; or with a trap in its place, to find out whether the check reaches it.
 *  @param {Uint8Array} wasm @param {Mutant} mutant */
export function withMutant(wasm, { at, bytes, from, to }, trap = false) {
  const copy = Uint8Array.from(wasm);
  if (trap) copy.fill(1, from, to).fill(0, from, from + 1); // unreachable, and nops
  else copy.set(bytes, at);
  return copy;
}
