/** Everything that the component says, in one object: an author puts other words, for example of another language, in their
 *  place. */
import type { BlankPiece } from '../notation.ts';
import type { LoadProgress } from '../types.ts';
import { percent } from './certainty.ts';

/** The words of the component. */
export interface Words {
  /** Name of the text, if the author gives none. */
  page: string;
  /** The button, before the first fill. */
  fill: string;
  /** The button, if there is a filled text. */
  again: string;
  /** The button, if a fill was stopped. */
  rest: string;
  /** The button, during a download. */
  cancel: string;
  /** The button, during a fill. */
  stop: string;
  /** Takes the last change back. */
  undo: string;
  /** After a change was taken back. */
  undone: string;
  /** Opens the text for typing. */
  edit: string;
  /** Ends the typing. */
  done: string;
  /** After an error that may pass. */
  retry: string;
  /** Legend of the drafts. */
  drafts: string;
  /** Name of the box in which the text is typed. */
  editor: string;
  /** Makes a problem plain text. */
  plain: string;
  /** Below a filled text. */
  hint: string;
  /** Below a filled text whose words have alternatives. */
  hintAlternatives: string;
  /** Name of the popover of a word. */
  alternatives: (word: string) => string;
  /** How probable a word is. */
  share: (probability: number) => string;
  /** Name of the list of alternatives. */
  choices: string;
  /** Below that list. */
  choosing: string;
  /** No longer keeps a word. */
  release: string;
  /** The alternative that ends a blank. */
  ends: string;
  /** Keys, for screen readers. */
  keys: string;
  /** Nothing was written in a blank or draft. */
  nothing: string;
  /** If there is no blank. */
  noBlank: string;
  /** If there is no model. */
  noSource: string;
  /** For forms, while a blank is open. */
  missing: string;
  /** After a fill was stopped. */
  stopped: string;
  /** Name of an open blank. */
  blank: (number: number, total: number, blank: Pick<BlankPiece, 'length'>) => string;
  /** How long a blank is. */
  length: (blank: Pick<BlankPiece, 'length'>) => string;
  /** While a model is loaded. */
  loading: (progress: LoadProgress | null) => string;
  /** While the text is filled. */
  filling: (written: number, total: number) => string;
  /** After a fill: what was written. */
  written: (words: readonly string[], drafts: number) => string;
  /** After typing: how many blanks were understood. */
  understood: (blanks: number) => string;
  /** A wrong attribute. */
  attribute: (name: string, kind: string, value: string) => string;
}

const megabytes = (bytes: number) => (bytes < 1e9 ? `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`);
const tokens = (count: number) => `${count} ${count === 1 ? 'token' : 'tokens'}`;

const loaded = ({ part, phase, loaded: done, total }: LoadProgress): string => {
  const file = part === 'adapter' ? 'the adapter' : 'the model';
  if (phase === 'waiting') return `Another page is loading ${file}; waiting for it`;
  if (phase === 'read') return `Opening ${file}`;
  return `Downloading ${file}: ${total === null ? megabytes(done) : `${megabytes(done).replace(/ .B$/, '')} of ${megabytes(total)}`}`;
};

/** The words that all components of a page use.  Change them before the first component is shown. */
export const words: Words = {
  page: 'Text with blanks',
  fill: 'Fill the blanks',
  again: 'Fill again',
  rest: 'Fill the rest',
  cancel: 'Cancel',
  stop: 'Stop',
  undo: 'Undo',
  undone: 'The last change is taken back.',
  edit: 'Edit text',
  done: 'Done',
  retry: 'Try again',
  drafts: 'Drafts',
  editor: 'Text; ___ is a blank',
  plain: 'Plain text',
  hint: 'Click or tap a word to keep it, then fill again.',
  hintAlternatives: 'Click or tap a word to see its alternatives.',
  alternatives: (word) => `Alternatives for “${word}”`,
  share: percent,
  choices: 'Words to keep',
  choosing: 'Choosing a word keeps it.',
  release: 'Do not keep it',
  ends: '(ends here)',
  keys: 'Left and right arrow keys move between words and blanks, up and down between blanks. Enter keeps a word. Control and Enter fills, Escape stops, Control and Z takes back.',
  nothing: 'nothing',
  noBlank: 'There is no blank in this text: write ___ where words are missing.',
  noSource: 'No model is named: the attribute src must be the address of a model file.',
  missing: 'Fill all blanks first.',
  stopped: 'Stopped. What is written stays.',
  blank: (number, total, blank) => `Blank ${number} of ${total}, ${words.length(blank)}`,
  length: ({ length }) => (!length ? 'length chosen by the model' : length.min === length.max ? tokens(length.min) : `${length.min} ${length.max - length.min === 1 ? 'or' : 'to'} ${tokens(length.max)}`),
  loading: (progress) => (progress ? loaded(progress) : 'Starting'),
  filling: (written, total) => `Writing: ${written} of ${total}`,
  written: (fills, drafts) => `${drafts > 1 ? `${drafts} drafts. ` : ''}Written: ${fills.map((fill) => fill || words.nothing).join('; ')}.`,
  understood: (blanks) => (blanks === 0 ? 'No blank yet. ___ is one.' : `${blanks} ${blanks === 1 ? 'blank' : 'blanks'}:`),
  attribute: (name, kind, value) => `The attribute ${name} must be ${kind}, not ${JSON.stringify(value.slice(0, 40))}.`,
};
