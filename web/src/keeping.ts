/** Loads a model by its URL, and keeps a copy of it.  Worker only.
 *
 *  A kept copy is replaced only by a file that the engine has opened:
 *
 *    the copy has the requested hash, or the host still has the same file     -> open the copy
 *    there is no copy, or the host has another file                           -> download, open, keep, delete the old copy
 *    the host gives no answer or an error, or its file cannot be used         -> open the copy, and say why
 *
 *  Downloads of the same file, in one tab or in several, take turns: the second one finds the copy.  It does not wait
 *  longer than PATIENCE_MS without a message from the first. */
import { ask, conditions, drop, isSame, ofAnswer, PATIENCE_MS, reason, saidIn, Silence, STALL_MS } from './download.ts';
import { PalimpsestError } from './errors.ts';
import { bring, needOf, ofBlob, type Engines, type Opened, type Taken, type Wanted } from './intake.ts';
import type { Begun } from './loading.ts';
import { changing, findCopy, PART, sweep, writeCard, Writer, type Copy, type Said } from './store.ts';

/** How long a file counts as unchanged if the host sends no date or ETag, and how long a file that could not be used is not
 *  fetched again. */
const BELIEVED_MS = 24 * 3600e3;
/** Downloads of this size or more can go on at a later visit. */
const LARGE = 16e6;

/** What to open: either the copy, with the reason why not a newer file, or the file of the host, whose answer may already
 *  have begun. */
type Choice = { copy: true; why: string | null } | { copy: false; answer: Response | null };

export class Keeping {
  #copy: Copy | null = null;
  /** Why the copy cannot be used, and its data file. */
  #damaged: { error: unknown; file: string } | null = null;

  constructor(
    readonly engines: Engines,
    readonly wanted: Wanted,
    readonly url: string,
    readonly folder: FileSystemDirectoryHandle,
  ) {}

  #find(): Promise<Copy | null> {
    return findCopy(this.folder, { sha256: this.wanted.sha256, url: this.url }).catch(() => null);
  }

  async take(): Promise<Taken> {
    const { signal, sha256 } = this.wanted;
    this.#copy = await this.#find();
    const choice = await this.#choose();
    if (choice.copy) {
      try {
        return await this.#open(this.#copy!, choice.why);
      } catch (error) {
        signal.throwIfAborted();
        this.#damaged = { error, file: this.#copy!.card.file };
      }
    }
    try {
      return await this.#update(choice.copy ? null : choice.answer);
    } catch (error) {
      signal.throwIfAborted();
      if (!this.#copy || this.#damaged || sha256) throw error;
      return this.#open(this.#copy, reason(error));
    }
  }

  async #open(copy: Copy, updateWhyNot: string | null): Promise<Taken> {
    const opened = await bring(this.engines, { ...this.wanted, sha256: copy.card.sha256 }, ofBlob(copy.file), null);
    return { ...opened, kept: true, keptWhyNot: null, updateWhyNot };
  }

  // ---- is the copy the same as the host's file?

  async #choose(): Promise<Choice> {
    const { url, wanted } = this;
    const copy = this.#copy;
    if (!copy) return { copy: false, answer: null };
    if (wanted.sha256) return { copy: true, why: null };
    const until = performance.now() + PATIENCE_MS;
    try {
      const answer = await ask(url, { method: 'HEAD', cache: 'no-store' }, wanted.signal, PATIENCE_MS).catch((error) => {
        if (wanted.signal.aborted || error instanceof Silence) throw error;
      });
      if (answer?.ok) return this.#judge(copy, saidIn(answer)) ?? { copy: false, answer: null };
      // Many hosts answer only GET.  If a download is needed, it is the body of this answer.
      const headers = conditions(url, copy.origin?.said);
      const got = await ask(url, { headers, cache: 'no-store' }, wanted.signal, Math.max(until - performance.now(), 1));
      if (got.status === 304) return { copy: true, why: null };
      const choice = got.ok ? this.#judge(copy, saidIn(got)) : null;
      if (choice) drop(got);
      return choice ?? { copy: false, answer: got };
    } catch (error) {
      wanted.signal.throwIfAborted();
      return { copy: true, why: reason(error) };
    }
  }

  /** The copy, if the host has the same file or one that cannot be used; otherwise null. */
  #judge({ card, origin }: Copy, now: Said): Choice | null {
    const lately = (at = 0) => Math.abs(Date.now() - at) < BELIEVED_MS;
    if (isSame(now, origin?.said, card.bytes) ?? lately(origin?.at)) return { copy: true, why: null };
    const refused = origin?.refused;
    return refused && lately(refused.at) && isSame(now, refused.said, NaN) ? { copy: true, why: refused.why } : null;
  }

  // ---- the host's file

  async #update(answer: Response | null): Promise<Taken> {
    const taken = await this.#inTurn(async (say) => {
      const now = await this.#find();
      const newer = now && (now.card.sha256 !== this.#copy?.card.sha256 || now.origin?.at !== this.#copy?.origin?.at);
      if (!newer) return this.#download(answer, say);
      this.#copy = now;
      this.#damaged = null;
      return null;
    }).finally(() => answer?.body?.locked || (answer && drop(answer)));
    return taken ?? this.#open(this.#copy!, null);
  }

  /** `afresh`: what an earlier download has left was of no use. */
  async #download(given: Response | null, say: (patience: number) => void, afresh = false): Promise<Taken> {
    const { engines, wanted, url, folder } = this;
    await sweep(folder).catch(() => {});
    const begun = given || afresh ? null : await this.#begun();
    const writer = begun?.writer ?? (await Writer.create(folder));
    let [kept, left] = [false, false];
    let said: Said | null = null;
    const progress: Wanted['progress'] = (p) => (say(PATIENCE_MS), wanted.progress(p));
    try {
      const answer = begun?.answer ?? given ?? (await ask(url, { cache: 'no-store' }, wanted.signal, this.#copy ? PATIENCE_MS : STALL_MS));
      const stream = ofAnswer(answer, needOf(wanted, url), begun?.before);
      const total = stream.total ?? 0;
      said = { ...saidIn(answer), ...(begun && { length: total }) };
      if (!begun && total >= LARGE) await wanted.loading().then((loading) => loading.last(writer, { url, said: said!, total }), () => {});
      const opened = await bring(engines, { ...wanted, progress }, stream, writer, () => say(STALL_MS));
      this.#compare(opened);
      const model = { sha256: opened.sha256, bytes: opened.bytes, limited: opened.whyNot !== null };
      await writer.keep(model, { url, said, at: Date.now() }, this.#damaged?.file ?? null);
      kept = writer.whyNot === null;
      return { ...opened, kept, keptWhyNot: writer.whyNot, updateWhyNot: null };
    } catch (error) {
      const { code } = error as PalimpsestError; // not by its class: loading.ts has a copy of its own
      left = wanted.signal.aborted || code === 'network';
      if (!begun || (code !== 'format' && code !== 'integrity')) {
        if (said) await this.#refuse(said, error as PalimpsestError);
        throw error;
      }
    } finally {
      await writer.end(kept, left);
    }
    return this.#download(null, say, true);
  }

  /** What an earlier download of this file has left, and the answer with the rest. */
  async #begun(): Promise<Begun | null> {
    let any = false;
    for await (const name of this.folder.keys()) any ||= name.endsWith(PART);
    const loading = any ? await this.wanted.loading().catch(() => null) : null;
    return loading && loading.begun(this.folder, needOf(this.wanted, this.url));
  }

  /** Throws if less of the new file can be used than of the copy, so that it does not replace the copy. */
  #compare(opened: Opened): void {
    if (opened.whyNot === null || !this.#copy || this.#damaged || this.#copy.card.limited || this.wanted.sha256) return;
    this.engines.close(opened);
    throw new PalimpsestError('unsupported', `the server's newer file cannot be used: ${opened.whyNot}`);
  }

  /** Notes a complete file that cannot be used, so that it is not downloaded again soon. */
  async #refuse(said: Said, { code, message }: PalimpsestError): Promise<void> {
    const { card, origin } = this.#copy ?? {};
    if (!card || !origin || (code !== 'format' && code !== 'unsupported')) return;
    const refused = { said, why: message, at: Date.now() };
    const origins = card.origins.map((one) => (one.url === origin.url ? { ...one, refused } : one));
    await changing(() => writeCard(this.folder, { ...card, origins })).catch(() => {});
  }

  // ---- turns

  /** Runs the work when no other load of this URL is running.  The running load says how long the others should wait, in
   *  milliseconds.  A load stops waiting when that time passes without another message; if it has a usable copy, after
   *  PATIENCE_MS. */
  async #inTurn<T>(work: (say: (patience: number) => void) => Promise<T>): Promise<T> {
    const { signal, progress } = this.wanted;
    const name = `palimpsest-load ${this.url}`;
    if (!navigator.locks) return work(() => {});
    const channel = new BroadcastChannel(name);
    const say = (patience: number) => channel.postMessage(patience);
    const usable = this.#copy !== null && !this.#damaged;
    const stop = new AbortController();
    let late: ReturnType<typeof setTimeout> | undefined;
    const abort = () => stop.abort();
    const wait = (patience: number) => (clearTimeout(late), (late = setTimeout(abort, patience)));
    const quiet = () => (clearTimeout(late), (channel.onmessage = null), signal.removeEventListener('abort', abort));
    try {
      const done = await navigator.locks.request(name, { ifAvailable: true }, async (lock) => lock && { value: await work(say) });
      if (done) return done.value;
      progress({ phase: 'waiting', loaded: 0, total: null });
      wait(PATIENCE_MS);
      signal.addEventListener('abort', abort);
      if (!usable) channel.onmessage = ({ data }) => wait(data);
      return await navigator.locks.request(name, { signal: stop.signal }, () => (quiet(), work(say))) as T;
    } catch (error) {
      signal.throwIfAborted();
      if (!stop.signal.aborted) throw error;
      if (usable) throw new PalimpsestError('network', 'another load of this file is under way');
      return await work(() => {});
    } finally {
      quiet();
      channel.close();
    }
  }
}
