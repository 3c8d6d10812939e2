/** Set by build.mjs: the models that lie beside the page; `file` is relative to index.html, `view` the one they are for. */
declare const __MODELS__: readonly { name: string; file: string; bytes: number; sha256: string; view: 'text' | 'continue' | 'pictures' }[];
