/** The worker: one engine, one model, and its tasks, which take turns, one step each. */
import type { ChatModel } from './chat.ts';
import { chooseEngine, kindOf, type Kind } from './choose-engine.ts';
import { MORE, type Engine, type Reading, type Shared } from './engine.ts';
import { PalimpsestError } from './errors.ts';
import type { Files } from './files.ts';
import { attaching, closeIn, takeIn, type Engines, type Taken } from './intake.ts';
import { fromDisk, holdLock, workerPort } from './platform.ts';
import type { Painter } from './painter.ts';
import { toMessage, type Calls, type FileMessage, type FillDone, type PageMessage, type Reply, type Request, type Result } from './protocol.ts';
import type { noiseOf, scoreFills, scoreText } from './scores.ts';
import type { AdapterInfo, LoadProgress, ModelInfo, PageToken, Sampler } from './types.ts';
import type { Work, Writer } from './writer.ts';

type Call<Name extends Calls['call']> = Extract<Calls, { call: Name }>;

/** A task: a step makes at most one evaluation of the network, and returns the result if the task is finished. */
export interface Task {
  step(): Result | null;
  end(): void;
  fill?: number; // a fill, which can be evaluated together with others
}

const INSIDE = 1; // PAL_TOKENIZE_INSIDE
/** Default capacity for a generated text in tokens, for models with a longer context. */
const ROOM = 4096;
const MAX_TOGETHER = 8; // with more, a step would take too long between two messages

const port = workerPort();
const tasks = new Map<number, Task>();
const loading = new Map<number, AbortController>();
const pieces = new Map<number, string>();
let engine: Engine | null = null;
let model = 0;
let filler = 0; // the model that fills pages: with the adapter, if there is one
let isa = '';
/** The last fill of a model that keeps rows of given text: the next fill of the same page copies them. */
let earlier = 0;
/** Makes the writer, if the model continues texts; the code for it is fetched when it is first needed. */
let makeWriter: ((part: Texts) => Writer) | null = null;
let writer: Writer | null = null;
let texts: (() => Promise<Texts>) | null = null;
/** Calls that wait for the code for texts. */
const waiting = new Set<number>();
let kind: Kind = 'text';
let painter: Painter | null = null;

/** Objects in `transfer` belong to the other side from then on. */
function reply(message: Reply, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

// ---- calls

async function load(id: number, { file, adapter, files, cache, lock, room, kv, threads, turn }: Call<'load'>): Promise<ModelInfo> {
  if (fromDisk()) throw new PalimpsestError('environment', fromDisk());
  const held = holdLock(lock);
  const cancel = new AbortController();
  loading.set(id, cancel);
  try {
    const take = async (engines: Engines, part: LoadProgress['part'], { source, sha256 }: FileMessage) => {
      const wanted = { sha256, cache, signal: cancel.signal, loading: () => loadingPart(files), progress: (loaded: Omit<LoadProgress, 'part'>) => reply({ id, loading: { part, ...loaded } }) };
      return Array.isArray(source) ? (await wanted.loading()).takeParts(engines, source, wanted, takeIn) : takeIn(engines, { ...wanted, source });
    };
    const team = async () => new (await fetched('threads', files.threads, () => globalThis.palimpsestThreads)).Team(files.threads!, threads, turn, lock);
    const taken = await take(enginesOf(files, threads === 1 ? null : team), 'model', file);
    engine = taken.engine;
    model = filler = taken.model;
    if (engine.shared) {
      await engine.shared.use(model);
      reply({ team: engine.shared.state(), locks: engine.shared.locks });
    }
    if (adapter && kind !== 'text') throw new PalimpsestError('unsupported', `this model ${kind === 'pictures' ? 'draws pictures' : 'is bidirectional'}: it cannot have an adapter`);
    const added = adapter && (await take(attaching(engine, model), 'adapter', adapter));
    if (added) filler = added.model;
    const image = kind === 'pictures' ? await preparePainter(engine, files) : null;
    let part: Promise<Texts> | null = null;
    texts = () => (part ??= fetched('texts', files.texts, () => globalThis.palimpsestTexts).catch((error) => {
      part = null;
      throw error;
    }));
    const noise = kind === 'scores' ? (await texts()).noiseOf(engine, model) : null;
    const classes = kind === 'pictures' ? 0 : engine.fn('pw_unicode')(model);
    if (classes) {
      const table = (await texts()).unicode();
      engine.bytes(classes, table.length).set(table);
    }
    await held;
    return { ...describe(engine, file.name, taken), ...prepareWriter(engine, room, kv), image, noise, adapter: added && describeAdapter(adapter.name, added) };
  } finally {
    loading.delete(id);
  }
}

/** If a file cannot be used, another one can follow, and may need the other engine. */
function enginesOf(files: Files, team: (() => Promise<Shared>) | null): Engines {
  let chosen: Promise<Engine> | null = null;
  return {
    choose(architecture) {
      if (!chosen || kind !== kindOf(architecture)) chosen = chooseEngine(files, (kind = kindOf(architecture)), team);
      return chosen;
    },
    open(image) {
      try {
        const opened = image.engine.openModel(image.at, image.bytes);
        return { ...image, model: opened, whyNot: image.engine.modelTexts(opened).whyNot };
      } catch (error) {
        if (!(error instanceof PalimpsestError)) chosen = null; // a trap: this engine cannot be used any more
        throw error;
      }
    },
    close: closeIn,
  };
}

type Writes = 'canGenerate' | 'canChat' | 'room' | 'roomBytes';

/** The memory for generating is computed here and allocated when it is first used. */
function prepareWriter(on: Engine, wanted: number | null, type: string | null): Pick<ModelInfo, Writes> {
  const { canGenerate, vocabulary, context } = on.modelNumbers(model);
  if (!canGenerate) return { canGenerate: false, canChat: false, room: 0, roomBytes: 0 };
  const kv = type === null ? -1 : on.names('pal_kv_type_name').indexOf(type);
  const room = Math.min(context, wanted ?? ROOM);
  makeWriter = ({ Writer }) => new Writer(on, model, vocabulary, room, kv, piece);
  const roomBytes = Math.max(0, on.fn('pw_sequence_bytes')(model, room, kv, on.error)); // negative: the model cannot have a sequence
  return { canGenerate: true, canChat: chatModel(on).template !== null, room, roomBytes };
}

/** The worker's code for pictures is fetched when a model that draws is loaded. */
async function preparePainter(on: Engine, files: Files): Promise<ModelInfo['image']> {
  if (!on.fn('pal_model_image')(model)) return null;
  const { Painter: Part } = await fetched('pictures', files.painter, () => globalThis.palimpsestPictures);
  painter = new Part(on, model, on.modelTexts(model).isa ?? '', reply);
  return painter.info;
}

const loadingPart = async (files: Files) => (await fetched('loading', files.loading, () => globalThis.palimpsestLoading)).loading;

/** A part of the worker's code, which is fetched when it is needed. */
async function fetched<Part extends { build: string }>(name: string, address: string | null, here: () => Part | undefined): Promise<Part> {
  try {
    if (address) await import(/* webpackIgnore: true */ /* @vite-ignore */ address);
  } catch (error) {
    throw new PalimpsestError('network', `palimpsest-${name}.js could not be loaded: ${error}`);
  }
  const part = here()!;
  if (part.build !== __BUILD__) throw new PalimpsestError('version', `palimpsest-${name}.js is from build ${part.build}, the worker from ${__BUILD__}: reload the page`);
  return part;
}

type Described = Omit<ModelInfo, Writes | 'image' | 'adapter' | 'noise'>;

function describe(on: Engine, source: string, { sha256, kept, keptWhyNot, updateWhyNot }: Pick<Taken, 'sha256' | 'kept' | 'keptWhyNot' | 'updateWhyNot'>): Described {
  const { kvHeads: _kvHeads, hidden: _hidden, causal, canTokenize, canScore, canInfill, freeLength, canGenerate: _canGenerate, ...numbers } = on.modelNumbers(filler);
  const { whyNot, ...texts } = on.modelTexts(model);
  const samplers = kind === 'pictures' ? [] : on.names('pal_sampler_name').filter((_, i) => on.fn('pw_sampler_fits')(filler, i));
  isa = texts.isa ?? '';
  return {
    ...numbers,
    ...(texts as Record<keyof typeof texts, string>),
    causal: causal !== 0, canTokenize: canTokenize !== 0, canScore: canScore !== 0, canInfill: canInfill !== 0, freeLength: freeLength !== 0,
    samplers: samplers as Sampler[], whyNot, threads: on.threads, source, sha256, memoryBytes: on.memoryBytes, kept, keptWhyNot, updateWhyNot,
  };
}

function describeAdapter(source: string, { engine: on, bytes, sha256, kept, keptWhyNot, updateWhyNot }: Taken): AdapterInfo {
  return { source, sha256, fileBytes: bytes, note: on.cString(on.fn('pal_adapter_note')(filler)), kept, keptWhyNot, updateWhyNot };
}

function ready(): Engine {
  if (!engine || !model) throw new PalimpsestError('disposed', 'no model is loaded');
  if (kind === 'pictures') throw new PalimpsestError('unsupported', 'this model draws pictures: it cannot process text');
  return engine;
}

function drawing(): Painter {
  if (!painter) throw new PalimpsestError('unsupported', (model && engine?.modelTexts(model).whyNot) || 'this model does not draw pictures');
  return painter;
}

/** The text of a token as in the vocabulary, with its leading space. */
function piece(id: number): string {
  let text = pieces.get(id);
  if (text === undefined) pieces.set(id, (text = ready().modelNumbers(model).board ? `${id}` : ready().detokenize(model, [id], INSIDE)));
  return text;
}

/** The chat template and what is needed to run it. */
function chatModel(on: Engine): ChatModel {
  const room = on.room(16);
  const at = on.fn('pw_chat')(model, room) >>> 0;
  const [length, bos, eos, addBos] = on.ints(room, 4) as [number, number, number, number];
  return { template: at ? new TextDecoder().decode(on.bytes(at, length).slice()) : null, bos, eos, addBos: addBos > 0 };
}

// ---- filling a page

function startFill(id: number, { text, options, seed, pins }: Call<'infill'>): Task {
  const on = ready();
  const start = () => on.fillStart(filler, text, options, seed, pins, earlier);
  let fill: number;
  try {
    fill = start();
  } catch (error) {
    if (!earlier || (error as PalimpsestError).code !== 'memory') throw error;
    keep(on, 0);
    fill = start();
  }
  const pages = new Pages(on, fill);
  let seconds = 0;
  reply({ id, page: pages.next() });
  return {
    fill,
    step() {
      const began = performance.now();
      evaluateTogether(on);
      const status = on.fillStep(fill);
      seconds += (performance.now() - began) / 1000;
      reply({ id, page: pages.next() });
      if (status === MORE) return null;
      return { usual: on.defaultSampler(filler), seconds, isa } satisfies FillDone;
    },
    end: () => keep(on, fill),
  };
}

/** Keeps an ended fill in place of the one before, if its model has a use for it. */
function keep(on: Engine, fill: number): void {
  const { canInfill, canGenerate } = on.modelNumbers(filler);
  on.fillEnd(earlier);
  earlier = 0;
  if (canInfill && canGenerate) earlier = fill;
  else on.fillEnd(fill);
}

/** Drafts of a page are evaluated as one batch: when one of them needs an evaluation, all that need one get it. */
function evaluateTogether(on: Engine): void {
  const fills = [...tasks.values()].flatMap((task) => task.fill ?? []);
  if (fills.length > 1) on.fillTogether(filler, fills.slice(0, MAX_TOGETHER));
}

/** Sends what each step changed. */
class Pages {
  #last: PageToken[] = [];
  #first = true;

  constructor(
    readonly engine: Engine,
    readonly fill: number,
  ) {}

  next(): PageMessage {
    const { places, ...progress } = this.engine.fillProgress(this.fill);
    const reading: Reading = this.engine.fillReading(this.fill, places, piece);
    const changed = reading.tokens.flatMap((token, at) => (this.#same(this.#last[at], token) ? [] : [{ at, token }]));
    const message: PageMessage = { ...progress, text: this.engine.fillText(this.fill), changed };
    if (this.#first) message.given = reading.given;
    this.#first = false;
    this.#last = reading.tokens;
    return message;
  }

  /** A place is drawn at most once per step, so the step of a place says whether it was drawn again. */
  #same(before: PageToken | undefined, now: PageToken): boolean {
    return before !== undefined && before.step === now.step && before.id === now.id && before.text === now.text && before.pinned === now.pinned;
  }
}

// ---- scores and generating

/** What palimpsest-texts.js gives. */
export interface Texts {
  Writer: typeof Writer;
  scoreText: typeof scoreText;
  scoreFills: typeof scoreFills;
  unicode(): Uint8Array;
  noiseOf: typeof noiseOf;
}

/** Begins a task as soon as the code for texts is there, in the order of the calls. */
function beginText(id: number, start: (part: Texts, on: Engine) => Task): void {
  answer(id, () => {
    const on = ready();
    waiting.add(id);
    void texts!().then((part) => waiting.delete(id) && begin(id, () => start(part, on)), (error) => waiting.delete(id) && fail(id, error));
    return null;
  });
}

/** Work on the model's only sequence, done in the order of the calls. */
const line: object[] = [];

function inLine(part: Texts, start: (on: Writer) => Work<Result>): Task {
  if (!makeWriter) throw new PalimpsestError('unsupported', 'this model cannot continue a text');
  const on = (writer ??= makeWriter(part));
  let step: Work<Result> | null = null;
  const task: Task = {
    step: () => (line[0] === task ? (step ??= start(on))() : null),
    end() {
      step?.end?.();
      line.splice(line.indexOf(task), 1);
    },
  };
  line.push(task);
  return task;
}

// ---- taking turns

/** Between two steps the worker handles its messages, so that work can be cancelled and two fills can share it.  Node delivers
 *  up to a thousand messages of a port before it looks at another port, so there the next step waits for the event loop. */
const turn = new MessageChannel();
turn.port1.onmessage = takeTurn;
const { setImmediate } = globalThis as { setImmediate?: (then: () => void) => void };
const nextTurn = () => (setImmediate ? setImmediate(takeTurn) : turn.port2.postMessage(null));

function takeTurn(): void {
  for (const [id, task] of tasks) {
    tasks.delete(id); // to the end of the queue
    tasks.set(id, task);
    const step = () => task.step();
    answer(id, () => (engine?.shared ? engine.shared.step(step) : step()));
    break;
  }
  if (tasks.size) nextTurn();
}

function begin(id: number, start: () => Task): void {
  answer(id, () => {
    tasks.set(id, start());
    if (tasks.size === 1) nextTurn();
    return null;
  });
}

function finish(id: number): void {
  tasks.get(id)?.end();
  tasks.delete(id);
}

/** Runs a part of a call.  Replies with the error, or with the result if this was the last part. */
function answer(id: number, part: () => Result | null): void {
  try {
    const result = part();
    if (result === null) return;
    finish(id);
    reply({ id, result, memoryBytes: engine?.memoryBytes ?? 0 });
  } catch (error) {
    fail(id, error);
  }
}

function fail(id: number, error: unknown): void {
  // Recognised by name, because painter.ts has its own copy of the class.
  if ((error as Error)?.name === 'PalimpsestError') {
    finish(id);
    reply({ id, error: toMessage(error as PalimpsestError) });
  } else if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) {
    reply({ crash: String(error) }); // a trap: the engine's memory is in no known state
  } else if (!(error instanceof DOMException && error.name === 'AbortError')) {
    reply({ id, error: { code: 'crashed', message: String(error), offset: null } });
  }
}

port.onmessage = ({ data }: { data: Request }) => {
  const { id } = data;
  switch (data.call) {
    case 'cancel':
      loading.get(id)?.abort();
      waiting.delete(id);
      return finish(id);
    case 'wake':
      return engine?.shared?.grown();
    case 'load':
      return void load(id, data).then(
        (result) => reply({ id, result, memoryBytes: result.memoryBytes }),
        (error) => fail(id, error),
      );
    case 'infill':
      return begin(id, () => startFill(id, data));
    case 'score':
      return beginText(id, (part, on) => part.scoreText(on, model, id, data, reply));
    case 'fills':
      return beginText(id, (part, on) => part.scoreFills(on, filler, id, data, piece, reply));
    case 'generate':
      return beginText(id, (part) => inLine(part, (on) => on.generate(id, data, isa, reply)));
    case 'save':
      return beginText(id, (part) => inLine(part, (on) => () => on.save(data.serial, data.pieces)));
    case 'sequence':
      return beginText(id, (part) => inLine(part, (on) => (data.what === 'append' ? on.append(data.ids) : () => on.read(data))));
    case 'surprise':
      return beginText(id, (part) => inLine(part, (on) => on.surprise(data.text)));
    case 'image':
      return begin(id, () => drawing().draw(id, data));
    case 'imageLikelihood':
      return begin(id, () => drawing().measure(id, data));
    case 'tokenize':
      return answer(id, () => ready().tokenize(model, data.text, data.flags));
    case 'chat':
      return answer(id, () => chatModel(ready()));
    case 'detokenize':
      return answer(id, () => ready().detokenize(model, data.ids, data.flags));
  }
};
reply({ ready: __BUILD__ });
