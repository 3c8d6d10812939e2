/** Options of a fill in the order of wasm/exports.c; NaN stands for the default. */
export const FILL_OPTIONS = [
  'sampler', 'draft', 'temperature', 'topK', 'topP', 'minP', 'repetitionPenalty', 'borders', 'document', 'window',
  'bytePieces', 'steps', 'threshold', 'entropyBound', 'remask', 'freeMin', 'freeMax',
] as const;
