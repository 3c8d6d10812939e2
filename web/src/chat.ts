/** Runs the chat template of a model: a file of its own, loaded at the first call of chat().
 *
 *  A template is a program in somebody else's file.  It receives copies of the messages as data and has no way to anything
 *  else: the interpreter looks names up in maps, and the only functions it is given are those below.  Its work is counted,
 *  so that no template can run for long or fill the memory. */
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import type { ChatMessage } from './types.ts';

/** What the worker tells about the model. */
export interface ChatModel {
  template: string | null;
  bos: number;
  eos: number;
  /** Texts of the model begin with BOS. */
  addBos: boolean;
}

export interface Tokens {
  tokenize(text: string, flags: number): Promise<number[]>;
  detokenize(ids: number[], flags: number): Promise<string>;
}

/** A mistake to be reported; `refused`: the template itself refused the messages. */
export class ChatError extends Error {
  constructor(message: string, readonly refused = false) {
    super(message);
  }
}

export { checkChat } from './messages.ts';

const [INSIDE, SPECIAL] = [1, 2]; // PAL_TOKENIZE_*
const MAX_SOURCE = 1 << 17;
const MAX_SPACES = 1000; // the lexer of the package takes time proportional to the square of such a run
const MAX_DEPTH = 150;
const MAX_LIST = 100_000;
const MAX_NUMBER = 1e6;
/** Visited values and, for strings, every 64 characters.  Evaluations and rounds of loops take longer and count more.  The
 *  template runs on the page's main thread: this takes some tenths of a second. */
const [BUDGET, PER_MESSAGE, PER_EVALUATION, PER_ITEM, PER_BLOCK] = [2_000_000, 10_000, 10, 20, 100];

interface Value { type: string; value: unknown }
/** Methods that the type of the package hides. */
interface Inner {
  run(program: unknown): Value;
  evaluate(node: Node | undefined, environment: Environment): Value;
  applyFilter(operand: Value, filter: Node, environment: Environment): Value;
  evaluateCallExpression(node: Node, environment: Environment): Value;
  evaluateBlock(nodes: Node[], environment: Environment): Value;
  evaluateSet(node: Node, environment: Environment): Value;
}
interface Node { type: string; value?: unknown; args?: Node[]; callee?: Node; object?: Node; property?: Node; iterable?: Node & { lhs?: Node }; assignee?: Node }

/** The package's interpreter, with everything counted.  `messages` has been made here and cannot be changed by the template, so
 *  it is not counted through and through each time it is named. */
function limited(environment: Environment, longest: number, messages: Value): Inner {
  const interpreter = new Interpreter(environment) as unknown as Inner;
  const { evaluate, applyFilter, evaluateCallExpression, evaluateBlock, evaluateSet } = interpreter;
  const given = new Set<unknown>([messages, ...(messages.value as Value[])]);
  const iterables = new WeakSet<Node>();
  let [left, depth] = [BUDGET + PER_MESSAGE * given.size, 0];

  const spend = (cost: number) => {
    if ((left -= cost) < 0) throw new ChatError('the chat template needs too many steps: it was stopped');
  };
  const tooLarge = () => new ChatError('the chat template makes too much text: it was stopped');
  /** Counts the value and all values in it. */
  const weigh = (value: unknown, deep = 0): void => {
    const { type, value: inner } = value as Value;
    spend(1);
    if (given.has(value)) return;
    if (deep > MAX_DEPTH) throw new ChatError('the chat template nests values too deeply: it was stopped');
    if (typeof inner === 'string') {
      if (inner.length > longest) throw tooLarge();
      spend(inner.length >> 6);
    } else if (typeof inner === 'number') {
      if (Math.abs(inner) > MAX_NUMBER && type === 'IntegerValue') throw new ChatError('the chat template uses a number above 10^6: it was stopped');
    } else if (Array.isArray(inner)) {
      if (inner.length > MAX_LIST) throw tooLarge();
      for (const one of inner) weigh(one, deep + 1);
    } else if (inner instanceof Map) for (const one of inner.values()) weigh(one, deep + 1);
  };
  const size = ({ value }: Value): number =>
    typeof value === 'string' ? value.length : Array.isArray(value) ? value.reduce((sum: number, one: Value) => sum + size(one) + 1, 0) : typeof value === 'number' ? Math.abs(value) : 0;
  /** replace, join and indent multiply lengths, before there is a value to weigh. */
  const multiplies = (name: unknown, operand: Value, args: Node[], environment: Environment) => {
    if (!['replace', 'join', 'indent', 'center'].includes(name as string)) return;
    for (const one of args) {
      const given = one.type === 'KeywordArgumentExpression' ? (one.value as Node) : one;
      if ((size(operand) + 1) * (size(interpreter.evaluate(given, environment)) + 1) > 64 * longest) throw tooLarge();
    }
  };

  interpreter.evaluate = (node, environment) => {
    if (++depth > MAX_DEPTH) throw new ChatError('the chat template nests too deeply: it was stopped');
    spend(PER_EVALUATION);
    try {
      if (node?.iterable) iterables.add(node.iterable.lhs ?? node.iterable);
      const value = evaluate.call(interpreter, node, environment);
      weigh(value);
      if (node && iterables.has(node) && Array.isArray(value.value)) spend(PER_ITEM * value.value.length);
      return value;
    } finally {
      depth--;
    }
  };
  interpreter.evaluateBlock = (nodes, environment) => {
    spend(PER_BLOCK);
    return evaluateBlock.call(interpreter, nodes, environment);
  };
  interpreter.evaluateSet = (node, environment) => {
    if (node.assignee?.object && given.has(interpreter.evaluate(node.assignee.object, environment)))
      throw new ChatError('the chat template changes the messages: it was stopped');
    return evaluateSet.call(interpreter, node, environment);
  };
  interpreter.applyFilter = (operand, filter, environment) => {
    if (filter.type === 'CallExpression') multiplies(filter.callee?.value, operand, filter.args ?? [], environment);
    return applyFilter.call(interpreter, operand, filter, environment);
  };
  interpreter.evaluateCallExpression = (node, environment) => {
    if (node.callee?.type === 'MemberExpression')
      multiplies(node.callee.property?.value, interpreter.evaluate(node.callee.object, environment), node.args ?? [], environment);
    return evaluateCallExpression.call(interpreter, node, environment);
  };
  return interpreter;
}

function range(start: number, stop?: number, step = 1): number[] {
  if (stop === undefined) [start, stop] = [0, start];
  const count = Math.ceil((stop - start) / step);
  if (!Number.isFinite(count) || count > MAX_LIST) throw new ChatError('the chat template asks for too many numbers: it was stopped');
  return Array.from({ length: Math.max(0, count) }, (_, i) => start + i * step);
}

/** English, and the local date that the caller gave, whatever the language of the machine. */
function dateWriter(date: Date): (format: string) => string {
  const months = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
  const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
  const two = (n: number) => String(n).padStart(2, '0');
  const [month, day] = [months[date.getMonth()]!, days[date.getDay()]!];
  const parts: Record<string, string> = {
    Y: String(date.getFullYear()), m: two(date.getMonth() + 1), d: two(date.getDate()), B: month, b: month.slice(0, 3), A: day, a: day.slice(0, 3),
    H: two(date.getHours()), M: two(date.getMinutes()), S: two(date.getSeconds()), '%': '%',
  };
  return (format) => String(format).replace(/%-?([A-Za-z%])/g, (all, letter: string) => {
    if (parts[letter] === undefined) throw new ChatError(`the chat template writes dates with ${all}, which is not supported`);
    return all[1] === '-' ? parts[letter].replace(/^0/, '') : parts[letter];
  });
}

/** The text that the template makes of the messages. */
export function render(template: string, messages: readonly ChatMessage[], names: { bos: string; eos: string }, date?: Date): string {
  if (template.length > MAX_SOURCE) throw new ChatError('the chat template is longer than 128 KB');
  if (new RegExp(`[^\\S\\n]{${MAX_SPACES}}|\\s{${MAX_SPACES}}`).test(template)) throw new ChatError('the chat template has too many spaces in a row');
  const environment = new Environment();
  const globals = {
    true: true, True: true, false: false, False: false, none: null, None: null, range,
    raise_exception: (why: unknown) => {
      throw new ChatError(String(why).slice(0, 300), true);
    },
    messages: JSON.parse(JSON.stringify(messages)) as unknown,
    bos_token: names.bos, eos_token: names.eos, add_generation_prompt: true,
    ...(date && { strftime_now: dateWriter(date) }),
  };
  for (const [name, value] of Object.entries(globals)) environment.set(name, value);
  const longest = 65_536 + 4 * (template.length + messages.reduce((sum, one) => sum + one.content.length, 0));
  try {
    const program = parse(tokenize(template, { lstrip_blocks: true, trim_blocks: true }));
    return String(limited(environment, longest, environment.lookupVariable('messages')).run(program).value);
  } catch (error) {
    if (error instanceof ChatError) throw error;
    if (error instanceof RangeError || (error as Error)?.name === 'InternalError') throw new ChatError('the chat template nests too deeply: it was stopped'); // the second: Firefox
    const hint = template.includes('strftime_now') && !date ? ' (it may need the option `date`)' : '';
    throw new ChatError(`the chat template cannot be run: ${String((error as Error)?.message ?? error).slice(0, 200)}${hint}`);
  }
}

/** Some templates have no place for a system message: then it is put before the first message of the user. */
function renderAny(template: string, messages: readonly ChatMessage[], names: { bos: string; eos: string }, date?: Date): string {
  try {
    return render(template, messages, names, date);
  } catch (error) {
    const [system, user, ...rest] = messages;
    if (!(error instanceof ChatError && error.refused) || system?.role !== 'system' || user?.role !== 'user') throw error;
    return render(template, [{ ...user, content: `${system.content}\n\n${user.content}` }, ...rest], names, date);
  }
}

// ---- tokens

/** Characters that are in no text: one within a name that is not a control token, one where text must be divided. */
const [WITHIN, APART] = ['\ufdd0', '\ufdd1'];

/** The names of control tokens in a text, with their ids. */
async function controlsIn(text: string, on: Tokens): Promise<Map<number, string>> {
  const [special, plain] = [await on.tokenize(text, SPECIAL), await on.tokenize(text, 0)];
  const found = new Map<number, string>();
  for (const id of new Set(special)) if (!plain.includes(id)) {
    const name = await on.detokenize([id], SPECIAL | INSIDE);
    if (name && !(await on.detokenize([id], INSIDE))) found.set(id, name);
  }
  return found;
}

/** Puts a character into each name of a control token in the messages. */
async function guarded(messages: readonly ChatMessage[], template: string, on: Tokens): Promise<ChatMessage[]> {
  let contents = messages.map(({ content }) => content);
  const replace = (name: string, by: string) => {
    contents = contents.map((content) => content.replaceAll(name, [...name][0]! + by + [...name].slice(1).join('')));
  };
  // Names in the template that are user-defined pieces match in any text.
  for (const name of new Set(template.match(/<[^<>\s'"{}]+>|\[\/?[A-Z_]+\]/g)))
    if (contents.some((content) => content.includes(name)) && (await on.tokenize(name, INSIDE)).length === 1) replace(name, APART);
  for (let found; (found = await controlsIn(contents.join('\n'), on)).size; ) for (const name of found.values()) replace(name, WITHIN);
  return messages.map((message, i) => ({ ...message, content: contents[i]! }));
}

/** The tokens of text without control tokens. */
async function plain(text: string, first: boolean, on: Tokens): Promise<number[]> {
  const ids: number[] = [];
  for (const [i, part] of text.replaceAll(WITHIN, '').split(APART).entries())
    if (part) ids.push(...(await on.tokenize(part, first && !i ? 0 : INSIDE)));
  return ids;
}

/** The tokens of a text in which the control tokens of the template are written, and those of messages are guarded. */
async function divided(text: string, on: Tokens): Promise<number[]> {
  const controls = await controlsIn(text, on);
  const ids: number[] = [];
  let at = 0;
  for (const id of await on.tokenize(text, SPECIAL)) {
    const name = controls.get(id);
    if (name === undefined) continue;
    const next = text.indexOf(name, at);
    ids.push(...(await plain(text.slice(at, next), !at && !ids.length, on)), id);
    at = next + name.length;
  }
  return [...ids, ...(await plain(text.slice(at), !at && !ids.length, on))];
}

/** The tokens of the prompt. */
export async function chatPrompt(model: ChatModel, given: readonly ChatMessage[], on: Tokens, date?: Date): Promise<number[]> {
  const { template, bos, eos, addBos } = model;
  if (!template) throw new ChatError('the file has no chat template (tokenizer.chat_template): the model is probably not made for conversations');
  if (given.some(({ content }) => content.includes(WITHIN) || content.includes(APART)))
    throw new ChatError('a message contains U+FDD0 or U+FDD1, which are not characters');
  const name = async (id: number) => (id < 0 ? '' : on.detokenize([id], SPECIAL | INSIDE));
  const names = { bos: await name(bos), eos: await name(eos) };
  const messages = await guarded(given, template, on);
  const text = renderAny(template, messages, names, date);
  const ids = text.includes(WITHIN) || text.includes(APART) ? await divided(text, on) : await on.tokenize(text, SPECIAL);
  return addBos && bos >= 0 && ids[0] !== bos ? [bos, ...ids] : ids;
}
