/** Reads the architecture of a model from the first bytes of its file, because it decides which engine is fetched.  The
 *  engine reads and checks everything else. */

const MAGIC = 0x46554747; // GGUF
const KEY = 'general.architecture';
const STRING = 8;
const ARRAY = 9;
/** Bytes of a value, by its type. */
const SIZES: Record<number, number> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };
/** Max. number of bytes that are read to find the key; more than a vocabulary takes, which can come before it. */
const MOST = 64 << 20;

/** `general.architecture`; null if the file has none, undefined if it is not within these bytes. */
export function architectureIn(head: Uint8Array): string | null | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  let at = 0;
  const word = () => view.getUint32((at += 4) - 4, true);
  const long = () => Number(view.getBigUint64((at += 8) - 8, true));
  const size = (type: number) => SIZES[type] ?? NaN;
  const past = (bytes: number) => view.getUint8((at += bytes) - 1);
  const string = () => {
    const length = long();
    if (length) past(length);
    return head.subarray(at - length, at);
  };
  try {
    if (word() !== MAGIC) return null;
    at = 16;
    for (let left = long(); left > 0; left--) {
      const name = new TextDecoder().decode(string());
      const type = word();
      if (name === KEY) return type === STRING ? new TextDecoder().decode(string()) : null;
      if (type === STRING) string();
      else if (type !== ARRAY) at += size(type);
      else {
        const of = word();
        const count = long();
        if (of !== STRING) at += count * size(of);
        else for (let i = 0; i < count; i++) string();
      }
      if (Number.isNaN(at)) return null; // not a valid type
    }
    return null;
  } catch {
    return undefined; // the bytes end here
  }
}

/** Reads pieces, and adds them to `held`, until the architecture is known. */
export async function findArchitecture(pieces: AsyncIterator<Uint8Array<ArrayBuffer>>, held: Uint8Array<ArrayBuffer>[]): Promise<string | null> {
  let known = 0;
  for (let looked = 0; known < MOST; ) {
    const { done, value } = await pieces.next();
    if (value?.length === 0) known = looked = held.length = 0; // the file begins again
    if (!done) known += held[held.push(value) - 1]!.length;
    if (!done && known < 2 * looked) continue; // try only when the bytes have doubled, even if pieces are small
    const found = architectureIn(held.length === 1 ? held[0]! : new Uint8Array(await new Blob(held).arrayBuffer()));
    if (found !== undefined || done) return found ?? null;
    looked = known;
  }
  return null;
}
