// @ts-check
/* Writes and reads the PNG files that the tests of pictures need (8 bits, RGB or RGBA, not interlaced).  W3C, Portable
 * Network Graphics (third edition), sections 5, 7 and 9. */
import { crc32, deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);

function chunk(/** @type {string} */ type, /** @type {Buffer} */ data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

/** `claim`: the extents in the file's header.
 *  @param {number} width @param {number} height @param {(x: number, y: number) => number[]} pixel */
export function pngOf(width, height, pixel, claim = { width, height }) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(claim.width, 0);
  head.writeUInt32BE(claim.height, 4);
  head.set([8, 2], 8);
  const rows = Array.from({ length: height }, (_, y) => Buffer.from([0, ...Array.from({ length: width }, (_, x) => pixel(x, y)).flat()]));
  return Buffer.concat([SIGNATURE, chunk('IHDR', head), chunk('IDAT', deflateSync(Buffer.concat(rows))), chunk('IEND', Buffer.alloc(0))]);
}

export function pngRead(/** @type {Buffer} */ file) {
  const [width, height] = [file.readUInt32BE(16), file.readUInt32BE(20)];
  const channels = /** @type {Record<number, number>} */ ({ 0: 1, 2: 3, 6: 4 })[file[25]];
  if (file[24] !== 8 || !channels || file[28] !== 0) throw new Error('a PNG of a kind that is not read here');
  /** @type {Buffer[]} */
  const parts = [];
  for (let at = 8; at < file.length; at += 12 + file.readUInt32BE(at))
    if (file.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(file.subarray(at + 8, at + 8 + file.readUInt32BE(at)));
  const data = unfiltered(inflateSync(Buffer.concat(parts)), width * channels, height, channels);
  const pixel = (/** @type {number} */ x, /** @type {number} */ y) => [...data.subarray((y * width + x) * channels, (y * width + x + 1) * channels)];
  return { width, height, pixel };
}

/** @param {Buffer} raw @param {number} stride @param {number} height @param {number} step */
function unfiltered(raw, stride, height, step) {
  const out = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y++) {
    const kind = raw[y * (stride + 1)];
    for (let i = 0; i < stride; i++) {
      const left = i >= step ? out[y * stride + i - step] : 0;
      const up = y ? out[(y - 1) * stride + i] : 0;
      const corner = y && i >= step ? out[(y - 1) * stride + i - step] : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][kind] ?? 0;
      out[y * stride + i] = raw[y * (stride + 1) + 1 + i] + guess;
    }
  }
  return out;
}

function paeth(/** @type {number} */ a, /** @type {number} */ b, /** @type {number} */ c) {
  const p = a + b - c;
  const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}
