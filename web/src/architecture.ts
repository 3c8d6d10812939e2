/** What kind of network a file holds, from its first bytes: before there is an engine, because it decides which one is
 *  fetched.  All else about a file is the engine's to read and to check. */

const MAGIC = 0x46554747; // GGUF
const KEY = 'general.architecture';
const STRING = 8;
const ARRAY = 9;
/** Bytes of a value, by its type. */
const SIZES: Record<number, number> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };
/** So much is read for it: more than vocabularies, of which some stand before it, take. */
const MOST = 64 << 20;

/** `general.architecture`; null where there is none, undefined where it lies behind these bytes. */
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
      if (Number.isNaN(at)) return null; // a type that is none
    }
    return null;
  } catch {
    return undefined; // beyond the end
  }
}

/** Reads pieces, which are kept in `held`, until the architecture is known. */
export async function findArchitecture(pieces: AsyncIterator<Uint8Array<ArrayBuffer>>, held: Uint8Array<ArrayBuffer>[]): Promise<string | null> {
  let known = 0;
  for (let looked = 0; known < MOST; ) {
    const { done, value } = await pieces.next();
    if (!done) known += held[held.push(value) - 1]!.length;
    if (!done && known < 2 * looked) continue; // few looks, however small the pieces
    const found = architectureIn(held.length === 1 ? held[0]! : new Uint8Array(await new Blob(held).arrayBuffer()));
    if (found !== undefined || done) return found ?? null;
    looked = known;
  }
  return null;
}
