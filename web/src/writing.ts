/** What the page needs to continue texts and for scores: the options of these calls, and what is sent.  Loaded at the
 *  first of them; what it needs of the library is given to it. */
import type { ChatModel } from './chat.ts';
import type { check, is, Rule, Table, take, told } from './check.ts';
import type { Connection } from './connection.ts';
import type { numbersOf } from './numbers.ts';
import { GENERATE, SCORE } from './text-options.ts';
import type { Calls, GenerateDone } from './protocol.ts';
import type { asSeed, checkText, takeSeed } from './values.ts';
import type { ChatMessage, ErrorCode, FillScore, FillScoreOptions, GeneratedPiece, GenerateOptions, GenerateResult, Score, ScoreOptions } from './types.ts';

type Call<Name extends Calls['call']> = Extract<Calls, { call: Name }>;

type Is = typeof is;

interface ChatKit {
  told: typeof told;
  fail(code: ErrorCode, message: string): Error;
}

interface ScoreKit extends Kit {
  is: Is;
  take: typeof take;
  takeSeed: typeof takeSeed;
}

interface Kit {
  check: typeof check;
  checkText: typeof checkText;
  numbersOf: typeof numbersOf;
}

// ---- continuing

export function generating({ list, number, object, text }: Is): Table {
  const biases: Rule = [(value) => object(value) && Object.entries(value).every(([id, bias]) => /^\d{1,9}$/.test(id) && number(bias)), 'an object that gives token ids a number each, such as { 42: -5 }'];
  const texts: Rule = [(value) => text(value) || (Array.isArray(value) && list(value, text)), 'a string or an array of strings'];
  return { ...GENERATE, logitBias: biases, stop: texts, grammar: 'text', begin: 'ids', onReading: 'callback', signal: 'signal' };
}

function toPrompt(prompt: unknown, kit: Kit): Call<'generate'>['prompt'] {
  if (prompt instanceof Uint8Array) return prompt;
  if (!Array.isArray(prompt)) {
    kit.checkText(prompt, 'the prompt');
    return prompt;
  }
  kit.check('the prompt', prompt, 'ids');
  return Array.from(prompt);
}

export function toGenerate(prompt: unknown, options: GenerateOptions, serial: number, seed: bigint, kit: Kit): Call<'generate'> {
  const { logitBias = {}, stop = [], grammar = '', begin = [] } = options;
  kit.checkText(grammar, 'grammar');
  const stops = [stop].flat();
  for (const text of stops) kit.checkText(text, 'stop');
  return {
    call: 'generate',
    serial,
    prompt: toPrompt(prompt, kit),
    begin: Array.from(begin),
    options: kit.numbersOf(GENERATE, options),
    seed,
    biases: Object.entries(logitBias).map(([id, bias]) => [Number(id), bias]),
    stop: stops,
    grammar,
  };
}

export function resultOf(done: GenerateDone, pieces: GeneratedPiece[], seed: ReturnType<typeof asSeed>, draft: number): Omit<GenerateResult, 'threads'> {
  const { prompt: _, evaluations: __, laterSeconds, ...rest } = done;
  return {
    ...rest,
    text: pieces.map((piece) => piece.text).join(''),
    ids: pieces.filter((piece) => !piece.ends).map((piece) => piece.id),
    pieces,
    seed,
    draft,
    tokensPerSecond: done.drawn > 1 && laterSeconds > 0 ? (done.drawn - 1) / laterSeconds : null,
  };
}

/** The prompt of a conversation.  Throws errors made by `fail`. */
export async function promptOf(connection: Connection, messages: readonly ChatMessage[], date: Date | undefined, { told, fail }: ChatKit): Promise<number[]> {
  const { chatPrompt, checkChat, ChatError } = await import('./chat.ts');
  const wrong = checkChat(messages, date, told);
  if (wrong) throw fail('option', wrong);
  const tokens = {
    tokenize: (text: string, flags: number) => connection.call<number[]>({ call: 'tokenize', text, flags }, {}),
    detokenize: (ids: number[], flags: number) => connection.call<string>({ call: 'detokenize', ids, flags }, {}),
  };
  try {
    return await chatPrompt(await connection.call<ChatModel>({ call: 'chat' }, {}), messages, tokens, date);
  } catch (error) {
    throw error instanceof ChatError ? fail(error.refused ? 'option' : 'unsupported', error.refused ? `the chat template refuses the messages: ${error.message}` : error.message) : error;
  }
}

// ---- scores

/** In the order of C's enum, whose first member is the default. */
const METHODS = ['default', 'exact', 'bound', 'margin', 'entropy', 'confidence'];
const SCORE_NUMBERS: Table = { ...SCORE, method: METHODS };
const SCORING: Table = { ...SCORE, method: METHODS.slice(1), standardError: 'positive', onProgress: 'callback', signal: 'signal' };

/** The options of infill that change what a session draws at temperature 1, and those of scores.  `numbers`: all of infill. */
function fillsTable({ sampler, borders, document, window, windowLength, bytePieces, emptyToken }: Table, { id, list, place, text, whole }: Is): Table {
  const fills: Rule = [(value) => Array.isArray(value) && list(value, (fill) => text(fill) || list(fill, id)), 'an array of strings and arrays of token ids'];
  const places: Rule = [(value) => Array.isArray(value) && list(value, place), 'an array of { blank, index }, whole numbers from 0'];
  const some: Rule = [(value) => whole(value) && value > 1 && value <= 1e5, 'a whole number from 2 to 100000'];
  return {
    sampler: sampler!, borders: borders!, document: document!, window: window!, windowLength: windowLength!, bytePieces: bytePieces!, emptyToken: emptyToken!,
    seed: 'seed', fills, order: places, orders: some, onProgress: 'callback', signal: 'signal',
  };
}

function toFills(text: string, options: FillScoreOptions, numbers: Table, seed: bigint, kit: Kit): Call<'fills'> {
  const { fills, order, orders = 32, seed: _, ...given } = options;
  fills.forEach((fill, i) => typeof fill === 'string' && kit.checkText(fill, `fill ${i}`));
  return {
    call: 'fills', text, options: kit.numbersOf(numbers, given), seed, orders,
    fills: fills.map((fill) => (typeof fill === 'string' ? fill : Array.from(fill))),
    order: order?.map(({ blank, index }) => ({ blank, index })) ?? null,
  };
}

/** Fills make it a score of fills. */
const hasFills = (options: unknown): options is FillScoreOptions => (options as Partial<FillScoreOptions> | undefined | null)?.fills !== undefined;

/** `numbers`: all options of infill. */
export async function scoreOf(connect: () => Promise<Connection>, text: string, options: ScoreOptions | FillScoreOptions | undefined, numbers: Table, kit: ScoreKit): Promise<Score | FillScore> {
  if (hasFills(options)) {
    const { onProgress, signal, ...given } = kit.take('score', options, fillsTable(numbers, kit.is));
    const call = toFills(text, given, numbers, kit.takeSeed(given.seed ?? 1), kit);
    return (await connect()).call<FillScore>(call, { scoring: onProgress }, signal);
  }
  const { seed = 1, onProgress, signal, ...given } = kit.take<ScoreOptions>('score', options, SCORING);
  const call = { call: 'score', text, options: kit.numbersOf(SCORE_NUMBERS, given), seed: kit.takeSeed(seed) } as const;
  return (await connect()).call<Score>(call, { scoring: onProgress }, signal);
}
