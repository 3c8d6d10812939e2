/** Reads the beginning of a GGUF file that the user offers, to say what the model needs before anything is loaded.
 *
 *  Only the numbers and strings before the first array of the file are read.  The engine checks the file when it is loaded.
 *  https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */

const HEAD_BYTES = 64 << 10;
const SIZES: Record<number, number> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };
const STRING = 8;
/** Memory besides the weights: the engine and its scratch memory. */
const WORKING_BYTES = 32e6;
/** Default max. capacity of the library in tokens; keys and values are floats. */
const ROOM = 4096;
/** The 32-bit address space. */
export const MAX_BYTES = 2 ** 32;

export interface Glance {
  isGguf: boolean;
  /** '' if it is not near the beginning of the file. */
  architecture: string;
  /** Whether the model has rows of its own for blanks. */
  rows: boolean;
  /** Approximate memory in bytes. */
  bytes: number;
}

export async function glance(file: File): Promise<Glance> {
  const none = { isGguf: false, architecture: '', rows: false, bytes: file.size + WORKING_BYTES };
  try {
    const data = await file.slice(0, HEAD_BYTES).arrayBuffer();
    if (new TextDecoder().decode(data.slice(0, 4)) !== 'GGUF') return none;
    const values = readValues(new DataView(data));
    const architecture = String(values.get('general.architecture') ?? '');
    return { isGguf: true, architecture, rows: values.has('palimpsest.rows'), bytes: none.bytes + remembered(values, architecture) };
  } catch {
    return none; // a folder, or a file that may not be read
  }
}

/** Bytes of keys and values of a causal network; 0 if the file does not say enough. */
function remembered(values: Map<string, string | number>, architecture: string): number {
  const number = (key: string): number => Number(values.get(`${architecture}.${key}`) ?? NaN);
  const heads = number('attention.head_count');
  const keyValueHeads = Number(values.get(`${architecture}.attention.head_count_kv`) ?? heads);
  const width = number('attention.key_length') || number('embedding_length') / heads;
  const bytes = 2 * 4 * number('block_count') * keyValueHeads * width * Math.min(number('context_length'), ROOM);
  return (__ARCHITECTURES__[architecture]?.causal ?? true) && Number.isFinite(bytes) ? bytes : 0;
}

function readValues(view: DataView): Map<string, string | number> {
  const values = new Map<string, string | number>();
  const count = Number(view.getBigUint64(16, true));
  let at = 24;
  const text = (): string => {
    const length = Number(view.getBigUint64(at, true));
    const bytes = new Uint8Array(view.buffer, at + 8, length);
    at += 8 + length;
    return new TextDecoder().decode(bytes);
  };
  try {
    for (let i = 0; i < count; i++) {
      const key = text();
      const type = view.getUint32(at, true);
      const size = SIZES[type];
      at += 4;
      if (type === STRING) values.set(key, text());
      else if (size === undefined) break; // a list
      else {
        values.set(key, readNumber(view, at, type));
        at += size;
      }
    }
  } catch {
    // the end of the bytes that were read
  }
  return values;
}

function readNumber(view: DataView, at: number, type: number): number {
  if (type === 4) return view.getUint32(at, true);
  if (type === 5) return view.getInt32(at, true);
  if (type === 10 || type === 11) return Number(view.getBigUint64(at, true));
  return NaN; // a type that is not needed
}
