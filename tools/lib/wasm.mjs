// @ts-check
/* Just enough of WebAssembly's binary format to change single instructions: sections, names of functions, and the
 * places of opcodes and constants in a function's code (tests/engines/mutants.mjs, tools/cmake/locals.mjs). */

/** A reader of the variable-length integers in which everything is written. */
export class Reader {
  /** @param {Uint8Array} bytes */
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }
  byte() {
    return /** @type {number} */ (this.bytes[this.at++]);
  }
  leb() {
    let value = 0;
    for (let shift = 0, more = true; more; shift += 7) {
      const byte = this.byte();
      value += (byte & 127) * 2 ** shift;
      more = byte >= 128;
    }
    return value;
  }
  skip(/** @type {number} */ lebs) {
    for (let i = 0; i < lebs; i++) this.leb();
  }
  text() {
    const length = this.leb();
    return new TextDecoder().decode(this.bytes.subarray(this.at, (this.at += length)));
  }
}

/** Section by section: id, the name of a custom one, and where its contents begin and end.
 *  @param {Uint8Array} bytes */
export function sections(bytes) {
  const r = new Reader(bytes, 8);
  const found = [];
  while (r.at < bytes.length) {
    const id = r.byte();
    const length = r.leb();
    const end = r.at + length;
    found.push({ id, name: id === 0 ? r.text() : '', begin: r.at, end });
    r.at = end;
  }
  return found;
}

/** @param {Uint8Array} bytes @returns {Map<number, string>} */
function namesOf(bytes) {
  const names = new Map();
  const section = sections(bytes).find(({ name }) => name === 'name');
  if (!section) throw new Error('the engine has no names of functions: is it from build/wasm?');
  const r = new Reader(bytes, section.begin);
  while (r.at < section.end) {
    const kind = r.byte();
    const length = r.leb();
    const end = r.at + length;
    for (let left = kind === 1 ? r.leb() : 0; left > 0; left--) names.set(r.leb(), r.text());
    r.at = end;
  }
  return names;
}

/** How many functions are imported: the others are counted from there. */
function importedFunctions(/** @type {Uint8Array} */ bytes) {
  return WebAssembly.Module.imports(new WebAssembly.Module(bytes)).filter(({ kind }) => kind === 'function').length;
}

/** Where the code of each function lies, without its locals.
 *  @param {Uint8Array} bytes @returns {{ begin: number, end: number }[]} */
export function bodies(bytes) {
  const code = sections(bytes).find(({ id }) => id === 10);
  const r = new Reader(bytes, code?.begin);
  const found = [];
  for (let left = r.leb(); left > 0; left--) {
    const length = r.leb();
    const end = r.at + length;
    for (let locals = r.leb(); locals > 0; locals--) r.skip(2);
    found.push({ begin: r.at, end });
    r.at = end;
  }
  return found;
}

/** Functions with names and where their code lies.
 *  @param {Uint8Array} bytes @returns {{ name: string, begin: number, end: number }[]} */
export function functions(bytes) {
  const names = namesOf(bytes);
  const first = importedFunctions(bytes);
  return bodies(bytes).map((body, i) => ({ name: names.get(first + i) ?? `function ${first + i}`, ...body }));
}

const between = (/** @type {number} */ x, /** @type {number} */ low, /** @type {number} */ high) => x >= low && x <= high;

/** Operands of an instruction of one byte. */
function skipPlain(/** @type {Reader} */ r, /** @type {number} */ op) {
  if (between(op, 0x02, 0x04) || op === 0x0c || op === 0x0d || op === 0x10 || between(op, 0x20, 0x26)) r.skip(1);
  else if (op === 0x0e) r.skip(r.leb() + 1);
  else if (op === 0x1c) r.skip(r.leb());
  else if (op === 0x11 || between(op, 0x28, 0x3e)) r.skip(2);
  else if (between(op, 0x3f, 0x42) || op === 0xd0 || op === 0xd2) r.skip(1);
  else if (op === 0x43) r.at += 4;
  else if (op === 0x44) r.at += 8;
  else if (op === 0xfc) {
    const sub = r.leb();
    r.skip(sub < 8 ? 0 : [9, 11, 13, 15, 16, 17].includes(sub) ? 1 : 2);
  } else if (op === 0xfe) r.skip(r.leb() === 3 ? 1 : 2); // atomic
}

/** Operands of a vector instruction. */
function skipVector(/** @type {Reader} */ r, /** @type {number} */ sub) {
  if (sub <= 11 || sub === 0x5c || sub === 0x5d) r.skip(2);
  else if (sub === 12 || sub === 13) r.at += 16;
  else if (between(sub, 0x15, 0x22)) r.at += 1;
  else if (between(sub, 0x54, 0x5b)) (r.skip(2), (r.at += 1));
}

/** An instruction: its opcode (vector ones are 0xfd00 + their number), where that stands, where its operands do.
 *  @typedef {{ op: number, at: number, operands: number, end: number }} Instruction */

/** @param {Uint8Array} bytes @returns {Generator<Instruction>} */
export function* instructions(bytes, /** @type {number} */ begin, /** @type {number} */ end) {
  const r = new Reader(bytes, begin);
  while (r.at < end) {
    let at = r.at;
    let op = r.byte();
    let operands = r.at;
    if (op === 0xfd) {
      at = r.at;
      const sub = r.leb();
      operands = r.at;
      op = 0xfd00 + sub;
      skipVector(r, sub);
    } else skipPlain(r, op);
    yield { op, at, operands, end: r.at };
  }
  if (r.at !== end) throw new Error(`an instruction before ${end} is not known`);
}
