// @ts-check
/* Makes WebAssembly by clang-19 smaller: Binaryen removes local variables that need not exist and lets the others share
 * places.  The engines' compilers undo both, so the machine code stays the same; the engine of texts loses 3 KB of its
 * gzipped size.
 *
 *   node tools/cmake/locals.mjs WASM_OPT FILE        rewrites the file
 *
 * Binaryen 108 does not know the final opcode of i16x8.relaxed_dot_i8x16_i7x16_s and drops its operands.  While it works,
 * an instruction of the same type and length stands for it, f64x2.pmin, which no kernel uses. */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { bodies, instructions } from '../lib/wasm.mjs';

const DOT = { op: 0xfd00 + 0x112, bytes: [0x92, 0x02] };
const STAND_IN = { op: 0xfd00 + 0xf6, bytes: [0xf6, 0x01] };
const PASSES = ['--rse', '--coalesce-locals', '--reorder-locals', '--vacuum', '--duplicate-function-elimination',
  '--merge-similar-functions'];
const FEATURES = ['--enable-simd', '--enable-sign-ext', '--enable-mutable-globals', '--enable-bulk-memory',
  '--enable-nontrapping-float-to-int', '--enable-threads'];

const [optimizer = '', file = ''] = process.argv.slice(2);

/** Replaces an instruction everywhere; returns how often.
 *  @param {Uint8Array} wasm @param {typeof DOT} what @param {typeof DOT} by */
function replace(wasm, what, by) {
  let count = 0;
  for (const { begin, end } of bodies(wasm))
    for (const { op, at } of instructions(wasm, begin, end)) {
      if (op === by.op) throw new Error(`${file}: the instruction ${by.op.toString(16)} is used already`);
      if (op !== what.op) continue;
      wasm.set(by.bytes, at);
      count++;
    }
  return count;
}

const linked = readFileSync(file);
const dots = replace(linked, DOT, STAND_IN);
const between = `${file}.locals`;
writeFileSync(between, linked);
execFileSync(optimizer, [...FEATURES, '-g', ...PASSES, between, '-o', between], { stdio: 'inherit' });
const smaller = readFileSync(between);
rmSync(between);
if (replace(smaller, STAND_IN, DOT) !== dots) throw new Error(`${file}: wasm-opt has changed the number of relaxed dot products`);
writeFileSync(file, smaller);
