/** The text of the page and its two tools: Erase, on the page itself, and Type, in a text box. */
import type { Model } from 'palimpsest';
import { Reader } from '../../src/component/reader.ts';
import { keepAsText, placeInTyped, type Problem, type Understood } from '../../src/notation.ts';
import { announce } from '../announce.ts';
import { byId } from '../dom.ts';
import { erase, guessTokens, NO_TEXT, type PageText, putBack, retype, setLength, textBetween } from '../editor/erasing.ts';
import { Eraser } from '../editor/eraser.ts';
import { GapMenu } from '../editor/gap-menu.ts';
import { UnderstoodList } from '../editor/understood.ts';
import type { Reading } from '../reading.ts';
import { rememberHere } from '../storage.ts';
import { insert, pointAt, replaceAll } from '../textbox.ts';
import { wordOf } from './sheet.ts';

export type Tool = 'erase' | 'type';
/** The new number of a blank; null: it is gone, or its words do not fit any more. */
export type Renumber = (blank: number) => number | null;

/** What the view does for the editor. */
export interface EditingHost {
  /** Whether a fill runs: nothing is edited then. */
  busy(): boolean;
  model(): Model | null;
  /** The text was typed anew. */
  typed(before: PageText): void;
  /** The text was changed by a tool, and its blanks have other numbers; `act` changes it. */
  changed(act: () => void, renumber: Renumber): void;
  /** What is open is to be filled. */
  fill(): void;
  /** Whether the model has written in a blank. */
  isFilled(blank: number): boolean;
  /** The tool is another one. */
  draw(): void;
}

const touched = matchMedia('(pointer: coarse)').matches;
export const HINTS: Record<Tool, string> = {
  erase: touched
    ? 'Tap a word to erase it, or hold it and drag over several. Tap a blank to change it.'
    : 'Click a word to erase it, or drag over several. Click a blank to change it.',
  type: 'Write anything, and ___ where the model should write.',
};
/** Max. tokens of a blank. */
const LONGEST = 512;

export class Editing {
  readonly box = byId<HTMLTextAreaElement>('text');
  tool: Tool = 'erase';
  private now: PageText = NO_TEXT;
  private readonly reader = new Reader();
  private readonly list = new UnderstoodList(byId('understood'), (problem) => this.keepAsText(problem), (problem) => this.pointAt(problem.start));
  private readonly gapMenu = new GapMenu({
    setLength: (blank, inside) => this.changeBlank(blank, (text, read) => setLength(text, read, blank, inside), false),
    putBack: (blank) => this.changeBlank(blank, (text, read) => putBack(text, read, blank), true),
    again: (blank) => {
      this.host.changed(() => {}, (old) => (old === blank ? null : old));
      this.host.fill();
    },
  });

  constructor(private readonly reading: Reading, private readonly host: EditingHost) {
    new Eraser(byId('page'), reading, { erase: (first, last) => void this.erase(first, last), type: (word, character) => this.typeAt(word, character) });
    this.box.addEventListener('input', () => this.typed());
    for (const tool of ['erase', 'type'] as const) byId(`tool-${tool}`).addEventListener('change', () => this.take(tool));
    // By pointer, the next thing is to write; arrow keys stay at the choice.
    byId('tool-type').addEventListener('click', (event) => {
      if (event.detail === 0) return;
      this.take('type'); // the change follows the click, and what is hidden takes no focus
      this.box.focus();
    });
  }

  // ---- the text

  get text(): PageText {
    return this.now;
  }

  /** Shows another text. */
  set text(text: PageText) {
    this.now = text;
    if (this.box.value !== text.typed) replaceAll(this.box, text.typed);
    rememberHere('text', text.typed);
  }

  /** Takes the text of the box, where a browser may have put it. */
  takeBox(): void {
    this.now = retype(NO_TEXT, this.box.value);
  }

  get understood(): Understood {
    return this.reader.read(this.now.typed, { longest: LONGEST, free: this.free });
  }

  /** Whether the model can choose lengths. */
  private get free(): boolean {
    return this.host.model()?.info.freeLength ?? true;
  }

  private typed(): void {
    const before = this.now;
    if (this.box.value === before.typed) return;
    this.text = retype(before, this.box.value);
    this.host.typed(before);
  }

  insertBlank(): void {
    this.take('type');
    insert(this.box, this.free ? '[[?]]' : '[[4]]');
  }

  // ---- the tools

  take(tool: Tool): void {
    this.tool = tool;
    byId<HTMLInputElement>(`tool-${tool}`).checked = true;
    this.gapMenu.close();
    this.host.draw();
  }

  closeMenu(): void {
    this.gapMenu.close();
  }

  draw(): void {
    byId('typing').hidden = this.tool === 'erase';
    byId('page').hidden = this.tool === 'type';
    this.list.draw(this.understood);
  }

  /** A key at a word in Erase writes before it in Type. */
  private typeAt(element: HTMLElement, character: string): void {
    const word = wordOf(element);
    const piece = word && this.understood.pieces[word.piece];
    this.take('type');
    this.box.focus();
    const at = piece?.kind === 'text' && piece.end - piece.start === piece.text.length ? piece.start + (word?.from ?? 0) : (piece?.start ?? 0);
    this.box.setSelectionRange(at, at);
    if (character) insert(this.box, character);
  }

  /** A letter that no word has the focus for. */
  typeAtEnd(letter: string): void {
    this.take('type');
    this.box.focus();
    this.box.setSelectionRange(this.box.value.length, this.box.value.length);
    insert(this.box, letter);
  }

  private async erase(from: HTMLElement, to: HTMLElement): Promise<void> {
    const { understood, text } = this;
    const [first, last] = [wordOf(from), wordOf(to)];
    if (this.host.busy() || !first || !last) return;
    const gone = textBetween(understood, first, last);
    const tokens = await this.tokensOf(gone);
    if (this.now !== text || this.host.busy()) return; // something else was faster
    const blanks = (end: number, start = 0): number => understood.pieces.slice(start, end).filter(({ kind }) => kind === 'blank').length;
    const blank = blanks(first.piece);
    const covered = blanks(last.piece, first.piece);
    const erased = erase(text, understood, first, last, String(Math.min(LONGEST, tokens)));
    this.host.changed(() => (this.text = erased), (old) => (old < blank ? old : old < blank + covered ? null : old - covered + 1));
    announce(`Erased: ${gone.trim()}`);
    this.focusNear(byId('page').querySelector<HTMLElement>(`[data-gap="${blank}"]`));
  }

  private async tokensOf(text: string): Promise<number> {
    const model = this.host.model();
    if (!model) return guessTokens(text);
    try {
      return Math.max(1, (await model.tokenize(` ${text.trim()}`, { inside: true })).length);
    } catch {
      return guessTokens(text);
    }
  }

  // ---- blanks

  openGap(element: HTMLElement, blank = Number(element.dataset.gap)): void {
    if (this.host.busy()) return;
    const piece = this.understood.pieces.filter((one) => one.kind === 'blank')[blank];
    if (piece?.kind !== 'blank') return;
    this.reading.focus(element);
    this.gapMenu.open(element, { blank, length: piece.length, erased: this.now.scraped[blank]?.typed ?? null, free: this.free, filled: this.host.isFilled(blank) });
  }

  /** `gone`: the blank is no blank any more. */
  private changeBlank(blank: number, act: (text: PageText, understood: Understood) => PageText, gone: boolean): void {
    if (this.host.busy()) return;
    const start = this.understood.pieces.filter(({ kind }) => kind === 'blank')[blank]?.start ?? 0;
    const changed = act(this.now, this.understood);
    this.host.changed(() => (this.text = changed), (old) => (old === blank ? null : old > blank && gone ? old - 1 : old));
    announce(gone ? 'The text is back' : 'The blank has another length');
    this.focusNear(gone ? this.wordAtTyped(start) : byId('page').querySelector<HTMLElement>(`[data-gap="${blank}"]`));
  }

  private focusNear(element: HTMLElement | null): void {
    if (element) this.reading.focus(element);
  }

  /** The word of the page at a place of the typed text, or the first one after it. */
  private wordAtTyped(place: number): HTMLElement | null {
    const number = this.understood.pieces.findIndex(({ start, end }) => start <= place && place < end);
    const piece = this.understood.pieces[number];
    const words = [...byId('page').querySelectorAll<HTMLElement>(`[data-word^="${number}."]`)];
    return words.find((word) => Number(wordOf(word)?.to) > place - (piece?.start ?? 0)) ?? words.at(-1) ?? null;
  }

  private keepAsText(problem: Problem): void {
    const before = this.now;
    this.text = retype(before, keepAsText(before.typed, problem));
    this.host.typed(before);
  }

  /** Shows a place of the typed text. */
  pointAt(place: number): void {
    this.take('type');
    pointAt(this.box, place);
  }

  /** Shows a place of the strict text, such as that of an error. */
  pointAtStrict(offset: number): void {
    const { understood } = this;
    const start = placeInTyped(understood, offset);
    const piece = understood.pieces.find((one) => one.start === start);
    const isPlain = piece?.kind === 'text' && piece.end - piece.start === piece.text.length;
    this.pointAt(isPlain ? start + Math.min(offset - piece.at, piece.text.length) : start);
  }
}
