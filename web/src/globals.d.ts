/** Set by build.mjs. */
declare const __BUILD__: string;
declare const __VERSION__: string;
/** Whether palimpsest-relaxed.wasm was built. */
declare const __RELAXED__: boolean;
/** The kinds of networks by general.architecture, from src/network/kinds.h. */
declare const __ARCHITECTURES__: Record<string, { causal: boolean; engine: 'text' | 'pictures' }>;
declare const WorkerGlobalScope: unknown;

/** Types that TypeScript's DOM library has only for workers. */
interface FileSystemSyncAccessHandle {
  write(data: BufferSource, options?: { at?: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}
interface FileSystemFileHandle {
  createSyncAccessHandle(): Promise<FileSystemSyncAccessHandle>;
}
