/** The exported functions of the engine, with unsigned results for pointers and sizes.
 *
 *  WebAssembly returns every 32-bit number as a signed one, so addresses from 2 GiB on would be negative.  Pointers and
 *  sizes are made unsigned only here.  tests/web/memory.test.mjs compares the rule with the C code. */
export type Call = (...values: number[]) => number;

/** The functions that return a pointer or a size_t, by the ends of their names.  All others return a status, an id, a
 *  32-bit count, a double or nothing. */
const UNSIGNED = /_(alloc|resize|start|open|parts|attach|note|text|name|label|reading|places|escape|save|token|(sequence|generator|surprising)_tokens|chat|schedule|neighbours|missing|model_image|team_state|unicode)$/;

export function callsOf(exports: WebAssembly.Exports): Record<string, Call> {
  const calls: Record<string, Call> = {};
  for (const [name, value] of Object.entries(exports)) {
    if (typeof value !== 'function') continue;
    const call = value as Call;
    calls[name] = UNSIGNED.test(name) ? (...values) => call(...values) >>> 0 : call;
  }
  return calls;
}
