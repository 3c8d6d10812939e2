/** Options of a generation in the order of wasm/generate.c; NaN stands for the default. */
export const GENERATE_OPTIONS = [
  'draft', 'maxTokens', 'temperature', 'topK', 'typicalP', 'topP', 'minP', 'repetitionPenalty', 'frequencyPenalty',
  'presencePenalty', 'repeatLastN', 'mirostat', 'mirostatTau', 'mirostatEta', 'ignoreEos', 'shift', 'keep', 'alternatives',
] as const;

/** Those that a text under way can be given anew: not part of what makes it another one. */
export const LOOSE_OPTIONS: readonly string[] = ['draft', 'maxTokens'];
