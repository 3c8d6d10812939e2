/** Set by build.mjs: the models beside the page. `file` is relative to index.html, `view` is the view that uses the model. */
declare const __MODELS__: readonly { name: string; file: string; bytes: number; sha256: string; view: 'text' | 'continue' | 'pictures' }[];
