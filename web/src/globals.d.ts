/** Set by build.mjs. */
declare const __BUILD__: string;
declare const __VERSION__: string;
/** Whether palimpsest-relaxed.wasm was built. */
declare const __RELAXED__: boolean;
/** The kinds of networks by general.architecture, from src/network/kinds.h. */
declare const __ARCHITECTURES__: Record<string, { causal: boolean; engine: 'text' | 'pictures' | 'scores' }>;
/** `import.meta.url`, which Vite would otherwise evaluate in this build. */
declare const __HERE__: string;
/** The runs of src/token/unicode_table.h as they are in the engine's memory, as base64. */
declare const __UNICODE__: string;
/** Set by palimpsest-pictures.js. */
declare var palimpsestPictures: { Painter: typeof import('./painter.ts').Painter; build: string } | undefined;
/** Set by palimpsest-loading.js. */
declare var palimpsestLoading: { loading: import('./loading.ts').Loading; build: string } | undefined;
/** Set by palimpsest-texts.js. */
declare var palimpsestTexts: (import('./worker.ts').Texts & { build: string }) | undefined;
/** Set by palimpsest-threads.js. */
declare var palimpsestThreads: { Team: typeof import('./threads.ts').Team; build: string } | undefined;
/** For `palimpsest/inline`: the code of the worker, and the engines for texts and pictures, gzipped, as base64. */
declare module 'palimpsest:parts' {
  export const worker: string;
  export const text: string;
  export const pictures: string;
}
declare const WorkerGlobalScope: unknown;

/** Types that TypeScript's DOM library has only for workers. */
interface FileSystemSyncAccessHandle {
  write(data: BufferSource, options?: { at?: number }): number;
  read(data: BufferSource, options?: { at?: number }): number;
  getSize(): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}
interface FileSystemFileHandle {
  createSyncAccessHandle(): Promise<FileSystemSyncAccessHandle>;
}
