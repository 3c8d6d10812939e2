// @ts-check
/* Splits a GGUF file as gguf-split of llama.cpp does: metadata in the first part only, split.* in all. */

const U16 = 2;
const I32 = 5;
const STRING = 8;
const ARRAY = 9;
/** Bytes of a value, by its type. */
const SIZES = /** @type {Record<number, number>} */ ({ 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 });
const ALIGNMENT = 32;

/** The metadata as bytes, and the tensors with their data. */
function read(/** @type {Buffer} */ file) {
  let at = 24;
  const word = () => file.readUInt32LE((at += 4) - 4);
  const long = () => Number(file.readBigUInt64LE((at += 8) - 8));
  const text = () => {
    const length = long();
    return file.toString('latin1', at, (at += length));
  };
  const skip = (/** @type {number} */ type) => {
    if (type === STRING) return void text();
    if (type !== ARRAY) return void (at += SIZES[type] ?? NaN);
    const of = word();
    for (let left = long(); left > 0; left--) skip(of);
  };
  const tensors = Number(file.readBigUInt64LE(8));
  const keys = Number(file.readBigUInt64LE(16));
  for (let i = 0; i < keys; i++) {
    text();
    skip(word());
  }
  const metadata = file.subarray(24, at);
  const found = Array.from({ length: tensors }, () => {
    const name = text();
    const dimensions = word();
    const from = at;
    at += 8 * dimensions + 4;
    const shape = file.subarray(from, at);
    return { name, dimensions, shape, offset: long(), data: Buffer.alloc(0) };
  });
  const data = file.subarray(Math.ceil(at / ALIGNMENT) * ALIGNMENT);
  const ends = [...found.map((one) => one.offset), data.length].sort((a, b) => a - b);
  for (const one of found) one.data = data.subarray(one.offset, ends[ends.indexOf(one.offset) + 1]);
  return { metadata, keys, tensors: found };
}

const long = (/** @type {number} */ value) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const word = (/** @type {number} */ value, size = 4) => {
  const bytes = Buffer.alloc(size);
  bytes.writeUIntLE(value, 0, size);
  return bytes;
};
const text = (/** @type {string} */ value) => Buffer.concat([long(value.length), Buffer.from(value, 'latin1')]);
const padded = (/** @type {Buffer} */ bytes) => Buffer.concat([bytes, Buffer.alloc((ALIGNMENT - (bytes.length % ALIGNMENT)) % ALIGNMENT)]);

/** The parts; `cuts`: the numbers of the tensors before which it is cut; `count`: what split.count says. */
export function split(/** @type {Buffer} */ file, /** @type {number[]} */ cuts, count = cuts.length + 1) {
  const { metadata, keys, tensors } = read(file);
  const bounds = [0, ...cuts, tensors.length];
  return bounds.slice(0, -1).map((from, part) => {
    const mine = tensors.slice(from, bounds[part + 1]);
    const own = Buffer.concat([
      text('split.no'), word(U16), word(part, 2), text('split.count'), word(U16), word(count, 2),
      text('split.tensors.count'), word(I32), word(tensors.length),
    ]);
    let offset = 0;
    const infos = mine.map(({ name, dimensions, shape, data }) => {
      const info = Buffer.concat([text(name), word(dimensions), shape, long(offset)]);
      offset += padded(data).length;
      return info;
    });
    const head = Buffer.concat([Buffer.from('GGUF'), word(3), long(mine.length), long((part ? 0 : keys) + 3), ...(part ? [] : [metadata]), own, ...infos]);
    return Buffer.concat([padded(head), ...mine.map(({ data }) => padded(data))]);
  });
}
