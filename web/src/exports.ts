/** What the engine's functions give.
 *
 *  WebAssembly hands every 32-bit number over as a signed one.  What is a pointer or a size is made unsigned here, and
 *  nowhere else: addresses from 2 GiB on would be negative.  tests/web/memory.test.mjs compares the rule with the C. */
export type Call = (...values: number[]) => number;

/** Functions that give a pointer or a size_t, by how their names end.  All others give a status, an id, a count of 32
 *  bits, a double or nothing. */
const UNSIGNED = /_(alloc|resize|start|open|text|name|label|reading|places|escape|save|token|(sequence|generator|surprising)_tokens|schedule|neighbours|missing|model_image)$/;

export function callsOf(exports: WebAssembly.Exports): Record<string, Call> {
  const calls: Record<string, Call> = {};
  for (const [name, value] of Object.entries(exports)) {
    if (typeof value !== 'function') continue;
    const call = value as Call;
    calls[name] = UNSIGNED.test(name) ? (...values) => call(...values) >>> 0 : call;
  }
  return calls;
}
