/** Loading: sources, options, progress, errors, and the copies that are kept. */

/** Where a file comes from: a URL, in Node also its path; `hf:owner/name/file.gguf`, a file of the Hugging Face hub, with
 *  `@revision` behind it if another one than `main` is wanted; a picked file; an answer of fetch(); or bytes. */
export type FileSource = string | URL | Blob | Response | ArrayBuffer | Uint8Array;

/** Where a model comes from: a file, or the files of a model that was split, in any order (also as the FileList of an input).
 *  The address of one part, `NAME-00001-of-00003.gguf`, stands for all of them. */
export type Source = FileSource | readonly FileSource[] | FileList;

/** What has failed. */
export type ErrorCode =
  | 'format' // not a model file, or a damaged one
  | 'unsupported' // the file is valid but the engine does not support it, or the model does not support the call
  | 'text' // the text is not a valid page; `offset` is the position in the string
  | 'option' // an option is out of range, or this sampler or model does not use it
  | 'context' // there are more tokens than the model's context allows
  | 'memory' // the model or the page does not fit into memory
  | 'network' // the file could not be fetched, or its download was interrupted
  | 'integrity' // the file is not the one with the given sha256
  | 'environment' // the browser or the page lacks something: WebAssembly SIMD, workers, a Content-Security-Policy that allows them
  | 'version' // page, worker and engine are of different versions
  | 'crashed' // the worker crashed; the next call starts it again
  | 'disposed'; // dispose() was called

/** How far a download, or the reading of a file, has come. */
export interface LoadProgress {
  /** The file that is being loaded: the model first, then the adapter. */
  part: 'model' | 'adapter';
  /** `waiting`: another load of the same file is running; `download`: from the network; `read`: from the kept copy or a
   *  file. */
  phase: 'waiting' | 'download' | 'read';
  /** Bytes so far. */
  loaded: number;
  /** Bytes in total; null if the server does not say. */
  total: number | null;
}

/** Options of load(). */
export interface LoadOptions {
  /** Stops the download; load() then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called at most every 100 ms, and at the end of each phase. */
  onProgress?: (progress: LoadProgress) => void;
  /** An adapter file that lets the causal model fill blanks.  Both use the same weights in memory: infill() uses the
   *  adapter, all other calls the model as it is.  An adapter that does not fit the model is refused (`unsupported`). */
  adapter?: FileSource;
  /** Like `sha256`, of the adapter file. */
  adapterSha256?: string;
  /** Hash of the whole file, 64 hexadecimal digits.  The file is checked against it; a kept copy with this hash is used
   *  without the network. */
  sha256?: string;
  /** Keep a copy of a downloaded file for the next visit (default true; files and bytes are never kept). */
  cache?: boolean;
  /** Folder of `palimpsest-worker.js` and the other files of the engine, with or without a slash at its end (default:
   *  where a bundler has put them, or the folder of the module).  What follows `?` is added to the address of each file. */
  base?: string | URL;
  /** `simd128`: do not use the build with relaxed SIMD (default: use it if the browser supports it). */
  isa?: 'simd128';
  /** Number of threads that evaluate the model, 1 to 64 (default 1); the results are the same for every number.  Above 8
   *  there are at most as many as the machine has processors.  `auto`: 2 where there are 2 or 3 processors, otherwise the
   *  faster of 2 and half of them, at most 8; this is measured once.  Only Node and a page that is cross-origin isolated
   *  can have more than one.  ModelInfo.threads has the number that is used. */
  threads?: number | 'auto';
  /** Capacity for a generated text in tokens, prompt included (default: the model's context, at most 4096).  The memory
   *  is allocated when it is first used: see ModelInfo.roomBytes. */
  room?: number;
  /** Type of the key-value cache for these tokens (default: that of the engine). */
  kv?: KeyValueType;
}

/** Types of the key-value cache. */
export type KeyValueType = 'F32' | 'F16' | 'Q8_0';

/** A model kept on this device. */
export interface KeptModel {
  /** SHA-256 of the file, in hexadecimal digits. */
  sha256: string;
  /** Size in bytes. */
  bytes: number;
  /** The URLs it was loaded from. */
  urls: string[];
}

/** The part of a model that a download has left which did not end. */
export interface UnfinishedDownload {
  /** The URL of the model. */
  url: string;
  /** Size of the part in bytes. */
  bytes: number;
  /** Size of the whole file. */
  total: number;
}

/** The models kept on this device, for any page of this origin. */
export interface Cache {
  /** Whether copies can be kept here, and if not, why. */
  available(): Promise<{ ok: boolean; why: string | null }>;
  /** The kept models; empty if nothing can be kept. */
  list(): Promise<KeptModel[]>;
  /** Downloads that were cut or cancelled, or are under way; the next load() of the URL goes on with the part.  Only those
   *  of 16 MB or more, and only from servers that say whether a file has changed, leave one. */
  unfinished(): Promise<UnfinishedDownload[]>;
  /** Deletes the copy with this hash, or the part of an unfinished download from this URL; a model that is loaded from it
   *  continues to work. */
  remove(sha256OrUrl: string): Promise<void>;
  /** Bytes that this origin uses and may use in total; null if the browser does not say. */
  estimate(): Promise<{ usage: number; quota: number } | null>;
}
