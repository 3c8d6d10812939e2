/** A continuation: the given text around it, and the words written so far. */
import type { GeneratedPiece, GenerateOptions, GenerateResult, Model } from 'palimpsest';
import type { Place } from './fill.ts';
import { counted } from './format.ts';

type Alternative = Place['alternatives'][number];

/** A token of the continuation. */
interface Word {
  id: number;
  text: string;
  /** Where it begins in the continuation. */
  start: number;
  /** By the model's own probabilities. */
  probability: number;
  alternatives: Alternative[];
  /** The user chose this word. */
  chosen: boolean;
}

/** The text around a continuation. */
export interface Around {
  before: string;
  after: string;
  /** The part of `before` that the model sees. */
  prompt: string;
  /** Tokens of `before` that it does not see, because the text is too long. */
  unseen: number;
}

export class Continuation {
  private readonly words: Word[];
  /** Length of the text so far. */
  private length = 0;
  result: GenerateResult | null = null;

  /** `words`: the first words of the continuation. */
  constructor(readonly around: Around, words: readonly Word[], readonly seed: number | bigint) {
    this.words = [...words];
    this.length = words.reduce((sum, word) => sum + word.text.length, 0);
  }

  get count(): number {
    return this.words.length;
  }

  get ids(): number[] {
    return this.words.map((word) => word.id);
  }

  /** A copy up to a word, to continue from there. */
  upTo(index: number, seed = this.seed): Continuation {
    return new Continuation(this.around, this.words.slice(0, index), seed);
  }

  /** A copy with a word replaced and nothing after it; an empty word ends the text there. */
  choosing(index: number, { id, text, probability, empty }: Alternative): Continuation {
    const was = this.words[index];
    const next = this.upTo(index);
    if (!was || empty) return next;
    next.words.push({ id, text, start: was.start, probability, alternatives: was.alternatives, chosen: true });
    next.length += text.length;
    return next;
  }

  /** Continues by up to `most` tokens. */
  async run(model: Model, options: GenerateOptions & { maxTokens: number }, advanced: () => void): Promise<void> {
    const { ids } = this;
    const job = model.generate(this.around.prompt, { ...options, maxTokens: ids.length + options.maxTokens, begin: ids, alternatives: 6 });
    this.length = 0;
    for await (const piece of job) {
      this.take(piece);
      advanced();
    }
    this.result = await job.result();
    advanced();
  }

  private take(piece: GeneratedPiece): void {
    this.length += piece.text.length;
    if (piece.ends) return;
    const known = this.words[piece.index];
    const { id, token: text, start, logprob } = piece;
    if (known) Object.assign(known, { text, start });
    else this.words[piece.index] = { id, text, start, probability: Math.exp(logprob ?? 0), alternatives: piece.alternatives.map(toAlternative), chosen: false };
  }

  /** If the given text ends with a space, it is the space that the first word begins with. */
  private get held(): number {
    const { before, prompt } = this.around;
    return before.endsWith(' ') && !prompt.endsWith(' ') && this.words[0]?.text.startsWith(' ') ? 1 : 0;
  }

  /** The words to show, as far as their text is known. */
  places(): Place[] {
    return this.words.map((word, i) => {
      const { id, probability, alternatives, chosen } = word;
      const text = word.text.slice(i === 0 ? this.held : 0, Math.max(0, this.length - word.start));
      return { token: i, blank: 0, index: i, text, open: false, empty: false, pinned: chosen, probability, id, alternatives };
    });
  }

  get text(): string {
    return this.places().map((place) => place.text).join('');
  }

  get whole(): string {
    return this.around.before + this.text + this.around.after;
  }
}

function toAlternative({ id, text, probability }: { id: number; text: string; probability: number }): Alternative {
  return { id, text, probability, empty: text === '' };
}

/** The part of the text before the cursor that the model sees, and the number of tokens before that part.  The model writes the
 *  space before a word itself. */
export async function promptOf(model: Model, before: string, wanted: number, window: boolean): Promise<{ prompt: string; unseen: number }> {
  const text = before.replace(/ +$/, '');
  const { room } = model.info;
  if (!window || text.length < room) return { prompt: text, unseen: 0 };
  const ids = await model.tokenize(text);
  const most = Math.max(room >> 1, room - wanted - 1);
  if (ids.length + 1 + wanted <= room || ids.length <= most) return { prompt: text, unseen: 0 };
  return { prompt: await model.detokenize(ids.slice(-most), { inside: true }), unseen: ids.length - most };
}

/** By how much a text is too long for a model, in a sentence; `count` includes the token that texts begin with. */
export function tooLong(what: string, count: number, room: number, words: number): string {
  const over = Math.max(1, count + 1 - room); // one more, for what the model writes
  const asWords = words > 0 ? `, about ${counted(Math.max(1, Math.round((over * words) / count)), 'word')}` : '';
  return `${what} has ${counted(count, 'token')} (words or pieces of words), and this model can hold ${counted(room, 'token')} with what it writes: ${counted(over, 'token')} too many${asWords}.`;
}
