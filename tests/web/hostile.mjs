// @ts-check
/* Makes whole GGUF model files with sizes chosen by the test: four tokens, all weights zero (tests/hostile_model.h does
 * this in C). `node tests/web/hostile.mjs NAME > FILE` writes one. */
import { pathToFileURL } from 'node:url';

/** @typedef {{ layers: number, dim: number, heads: number, kvHeads: number, headDim: number, hidden: number, context:
 *  number }} Shape */

/** layers * tokens * kvHeads * headDim is 2^32 for the first two, with this many tokens; the third is that of
 *  Llama-3.1-8B.
 * @type {Record<string, Shape & { tokens: number }>} */
export const shapes = {
  long: { layers: 64, dim: 64, heads: 1, kvHeads: 1, headDim: 64, hidden: 32, context: 2 ** 20, tokens: 2 ** 20 },
  wide: { layers: 16, dim: 2, heads: 1, kvHeads: 1, headDim: 65536, hidden: 8, context: 2 ** 20, tokens: 4096 },
  llama: { layers: 32, dim: 8, heads: 32, kvHeads: 8, headDim: 128, hidden: 8, context: 131072, tokens: 131072 },
};

const U32 = 4, I32 = 5, F32 = 6, STRING = 8, ARRAY = 9;
const TENSOR_F32 = 0, TENSOR_F16 = 1;

/** Little-endian pieces of a file. */
class Pieces {
  /** @type {Buffer[]} */
  all = [];
  u32(/** @type {number} */ n) {
    const b = Buffer.alloc(4);
    b.writeUInt32LE(n);
    this.all.push(b);
  }
  u64(/** @type {number} */ n) {
    const b = Buffer.alloc(8);
    b.writeBigUInt64LE(BigInt(n));
    this.all.push(b);
  }
  f32(/** @type {number} */ n) {
    const b = Buffer.alloc(4);
    b.writeFloatLE(n);
    this.all.push(b);
  }
  text(/** @type {string} */ s) {
    this.u64(Buffer.byteLength(s));
    this.all.push(Buffer.from(s));
  }
}

/** @param {Pieces} p @param {string} key @param {number} type @param {any[]} values */
function array(p, key, type, values) {
  p.text(key);
  p.u32(ARRAY);
  p.u32(type);
  p.u64(values.length);
  for (const value of values) type === STRING ? p.text(value) : type === F32 ? p.f32(value) : p.u32(value);
}

/** @param {Pieces} p @param {Shape} s */
function keys(p, s) {
  const texts = { 'general.architecture': 'llama', 'tokenizer.ggml.model': 'llama' };
  const numbers = {
    'llama.block_count': s.layers, 'llama.embedding_length': s.dim, 'llama.attention.head_count': s.heads,
    'llama.attention.head_count_kv': s.kvHeads, 'llama.attention.key_length': s.headDim, 'llama.attention.value_length': s.headDim,
    'llama.feed_forward_length': s.hidden, 'llama.context_length': s.context,
    'tokenizer.ggml.bos_token_id': 1, 'tokenizer.ggml.eos_token_id': 2,
  };
  for (const [key, value] of Object.entries(texts)) p.text(key), p.u32(STRING), p.text(value);
  for (const [key, value] of Object.entries(numbers)) p.text(key), p.u32(U32), p.u32(value);
  array(p, 'tokenizer.ggml.tokens', STRING, ['<unk>', '<s>', '</s>', 'a']);
  array(p, 'tokenizer.ggml.scores', F32, [0, 0, 0, 0]);
  array(p, 'tokenizer.ggml.token_type', I32, [2, 3, 3, 1]);
  return Object.keys(texts).length + Object.keys(numbers).length + 3;
}

/** Names and extents. @param {Shape} s @returns {[string, number[]][]} */
function tensors(s) {
  const query = s.heads * s.headDim, kept = s.kvHeads * s.headDim;
  /** @type {[string, number[]][]} */
  const layer = [
    ['attn_norm', [s.dim]], ['ffn_norm', [s.dim]], ['attn_q', [s.dim, query]], ['attn_k', [s.dim, kept]], ['attn_v', [s.dim, kept]],
    ['attn_output', [query, s.dim]], ['ffn_gate', [s.dim, s.hidden]], ['ffn_up', [s.dim, s.hidden]], ['ffn_down', [s.hidden, s.dim]],
  ];
  /** @type {[string, number[]][]} */
  const all = [['token_embd.weight', [s.dim, 4]], ['output_norm.weight', [s.dim]]];
  for (let i = 0; i < s.layers; i++) for (const [name, extent] of layer) all.push([`blk.${i}.${name}.weight`, extent]);
  return all;
}

/** The file of a shape. @param {Shape} s */
export function hostile(s) {
  const head = new Pieces(), body = new Pieces(), all = tensors(s);
  let data = 0;
  const count = keys(body, s);
  for (const [name, extent] of all) {
    body.text(name);
    body.u32(extent.length);
    for (const n of extent) body.u64(n);
    body.u32(extent.length === 1 ? TENSOR_F32 : TENSOR_F16);
    body.u64(data);
    data += Math.ceil((extent.reduce((a, b) => a * b) * (extent.length === 1 ? 4 : 2)) / 32) * 32;
  }
  head.all.push(Buffer.from('GGUF'));
  head.u32(3);
  head.u64(all.length);
  head.u64(count);
  const front = Buffer.concat([...head.all, ...body.all]);
  return Buffer.concat([front], Math.ceil(front.length / 32) * 32 + data);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.stdout.write(hostile(shapes[process.argv[2]]));
