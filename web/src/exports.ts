/** What the engine's functions give.
 *
 *  WebAssembly hands every 32-bit number over as a signed one.  What is a pointer or a size is made unsigned here, and
 *  nowhere else: addresses from 2 GiB on would be negative.  tests/web/memory.test.mjs compares this list with the C. */
export type Call = (...values: number[]) => number;

/** Functions that give a pointer or a size_t.  All others give a status, an id, a count of 32 bits, a double or nothing. */
const UNSIGNED = new Set([
  'pw_alloc', 'pw_resize', 'pw_hash_start', 'pw_model_open', 'pw_model_text', 'pal_version',
  'pw_fill_start', 'pw_fill_text', 'pw_fill_reading', 'pw_fill_places', 'pw_score_start', 'pw_sequence_start', 'pw_generate_start',
  'pal_page_escape', 'pal_sampler_name', 'pal_score_method_name', 'pal_finish_name', 'pal_kv_type_name',
  'pal_sequence_tokens', 'pal_sequence_save',
  'pal_generator_token', 'pal_generator_text', 'pal_generator_tokens', 'pal_generator_save',
  'pw_image_schedule', 'pw_image_neighbours', 'pw_image_missing', 'pw_image_start', 'pw_likelihood_start', 'pal_model_image',
  'pal_image_label', 'pal_image_sampler_name',
]);

export function callsOf(exports: WebAssembly.Exports): Record<string, Call> {
  const calls: Record<string, Call> = {};
  for (const [name, value] of Object.entries(exports)) {
    if (typeof value !== 'function') continue;
    const call = value as Call;
    calls[name] = UNSIGNED.has(name) ? (...values) => call(...values) >>> 0 : call;
  }
  return calls;
}
