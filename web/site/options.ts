/** The options of a fill. */
import { samplerProperties, samplers, scoreSamplers, type InfillOptions, type Sampler } from 'palimpsest';
import { INFILL_RANGES as RANGES } from '../src/options.ts';
import { byId, make } from './dom.ts';
import { Form, type Field, type Switch } from './form.ts';

const USUAL = 'default';

/** Texts of the samplers, in the order of the menu; samplers without a line here come last. */
const ABOUT: Partial<Record<Sampler | typeof USUAL, string>> = {
  [USUAL]: 'what suits the model: ascending for tales-infill and general English, margin for masked ones such as tales-masked',
  margin: 'writes first where the first choice is furthest ahead of the second',
  'first-hitting': 'writes at random places: exactly the distribution of the model, the reference',
  entropy: 'writes first where the model is least uncertain (lowest entropy)',
  confidence: 'writes first where one word is most probable',
  ancestral: 'goes through a number of time steps; nearly exact if there are many',
  parallel: 'writes words that are far apart at once: fewer evaluations on pages with several blanks, approximate',
  remask: 'can remove words that it wrote and write them again',
  ascending: 'fills each blank from its left, first the blank whose next word is most certain',
  'ascending-random': 'fills each blank from its left, the next word always in a blank chosen at random',
  speculative: 'fills the blanks one after the other, and guesses several words ahead where the model can check them at once',
};
/** The same for models that compute scores. */
const ABOUT_SCORES: typeof ABOUT = {
  [USUAL]: 'what suits the model: first-hitting if its noise masks words, tweedie if it replaces them by others',
  'first-hitting': 'one word at a time, at random places: exact as far as the model’s scores are',
  tweedie: 'a number of time steps, exact for a single place; with exact scores the error falls as one over the steps',
  euler: 'a number of time steps by the rates of change; with exact scores the error falls as one over the steps',
  'euler-corrector': 'euler, and after each step corrections that can take words back; the error falls as one over the steps',
};
type Choice = Sampler | typeof USUAL;
/** Options that only some samplers take. */
type Special = 'steps' | 'corrections' | 'released';
const choices = (about: typeof ABOUT, names: readonly Sampler[]): readonly Choice[] => {
  const known = (Object.keys(about) as Choice[]).filter((name) => name === USUAL || names.includes(name));
  return [...new Set([...known, ...names])];
};
const takes = (name: Choice, option: Special): boolean => name !== USUAL && samplerProperties[name].takes.includes(option);
const taking = (option: Special): string => [...samplers, ...scoreSamplers].filter((name) => takes(name, option)).join(', ');

type Key = 'drafts' | 'temperature' | 'topK' | 'topP' | 'minP' | 'repetitionPenalty' | 'steps' | 'corrections' | 'freeMin' | 'freeMax';

const FIELDS: readonly Field<Key>[] = [
  { key: 'drafts', label: 'Drafts', hint: 'filled side by side', initial: 1, least: 1, most: 4, step: 1 },
  { key: 'temperature', label: 'Temperature', hint: '0 always takes the most probable word, 1 uses the model’s own distribution', initial: 0.6, ...RANGES.temperature, step: 'any' },
  { key: 'topK', label: 'Top-k', hint: 'only this many of the most probable words; 0 is off', initial: 0, least: 0, most: 1e6, step: 1 },
  { key: 'topP', label: 'Top-p', hint: 'only the most probable words, up to this sum of probability; 1 is off', initial: 1, ...RANGES.topP, step: 'any' },
  { key: 'minP', label: 'Min-p', hint: 'min. probability, relative to the most probable word; 0 is off', initial: 0, ...RANGES.minP, step: 'any' },
  { key: 'repetitionPenalty', label: 'Repetition penalty', hint: '1 is off', initial: 1, ...RANGES.repetitionPenalty, step: 'any' },
  { key: 'steps', label: 'Time steps', hint: `for ${taking('steps')}`, initial: 64, ...RANGES.steps, step: 1 },
  { key: 'corrections', label: 'Corrections', hint: `after each time step, for ${taking('corrections')}`, initial: 1, ...RANGES.corrections, step: 1 },
  { key: 'freeMin', label: 'Length of [[?]], from', hint: 'tokens', initial: 1, least: 1, most: 512, step: 1 },
  { key: 'freeMax', label: 'to', hint: 'tokens', initial: 16, least: 1, most: 512, step: 1 },
];

const SWITCHES = [
  ['borders', 'Border rules', 'words begin and end where the given text allows it', true],
  ['document', 'A whole document', 'the page is a whole text, with its beginning and end', false],
  ['released', 'Draw as the released code of SEDD', 'in 32-bit numbers, which lose rare words: to compare with its results; needs temperature 1', false],
] as const satisfies readonly Switch<string>[];
type Flag = (typeof SWITCHES)[number][0];

const NOTE =
  'Border rules, temperatures other than 1, and options that exclude words (top-k, top-p, min-p, the penalty) change the model’s distribution on purpose. First-hitting at temperature 1 without border rules draws exactly from it.';

const NOTE_UNIFORM =
  'This model’s noise replaces words by other words, so no word is final before the last step. It was not trained to hold the text around blanks: what it writes there is not exactly what it would write beside this text, whichever sampler is used.';

export class Options {
  /** The samplers of the model in use; empty: of any that predicts masked tokens. */
  private offered: readonly Sampler[] = samplers;
  private readonly noteUniform = make('p', { class: 'note wide', 'data-part': 'uniform-note', hidden: true }, NOTE_UNIFORM);
  private readonly about = make('p', { class: 'hint' });
  private readonly form = new Form<Key, Flag>(
    { form: 'options-form', details: 'options', prefix: '', memory: 'options', outside: ['drafts-field'] },
    FIELDS,
    SWITCHES,
  );

  constructor(changed: () => void) {
    const { form } = this;
    const [drafts, ...rest] = form.numbers();
    byId('drafts-field').append(drafts ?? '');
    form.form.append(this.samplers(), ...rest, form.seed(), form.toggles(), make('p', { class: 'note wide' }, NOTE), this.noteUniform, form.resetter());
    form.checks = () => this.check();
    form.changed = changed;
    form.begin();
  }

  private samplers(): HTMLElement {
    return this.form.row('sampler', 'Sampler', this.about, make('select', {}, ...this.menu()), true);
  }

  private get scores(): boolean {
    return this.offered.some((name) => samplerProperties[name].scores);
  }

  private get texts(): typeof ABOUT {
    return this.scores ? ABOUT_SCORES : ABOUT;
  }

  private menu(): HTMLElement[] {
    return choices(this.texts, this.offered).map((name) => make('option', { value: name }, name));
  }

  /** Offers what the model can do.  `own`: its samplers; only those of models that compute scores are other ones. */
  suit(own: readonly Sampler[]): void {
    const offered = own.some((name) => samplerProperties[name].scores) ? own : samplers;
    if (offered.join() === this.offered.join()) return;
    const select = this.form.input('sampler');
    const { value } = select;
    this.offered = offered;
    select.replaceChildren(...this.menu());
    select.value = offered.some((name) => name === value) ? value : USUAL;
    this.form.check();
  }

  private check(): boolean[] {
    const { form } = this;
    const sampler = form.input('sampler').value as Choice;
    this.about.textContent = this.texts[sampler] ?? '';
    form.input('steps').disabled = !takes(sampler, 'steps');
    form.input('corrections').disabled = !takes(sampler, 'corrections');
    this.noteUniform.hidden = !this.scores || this.offered.includes('first-hitting');
    const released = form.input('released');
    released.parentElement!.hidden = released.disabled = !takes(sampler, 'released') || !this.offered.includes('first-hitting'); // uniform noise has no mask to race with
    const good = !this.released || form.value('temperature') === 1 || form.say('temperature', 'must be 1 to draw as the released code');
    return [good, form.value('freeMin') <= form.value('freeMax') || form.say('freeMax', 'must not be less than the first')];
  }

  /** Whether the draw of the released code is chosen, and the model and the sampler have it. */
  private get released(): boolean {
    const { checked, disabled } = this.form.input('released');
    return checked && !disabled;
  }

  /** The options for the library; null if a field is wrong (the first wrong field then gets the focus). */
  read(): InfillOptions | null {
    const { form } = this;
    if (!form.ready()) return null;
    const sampler = form.input('sampler').value as Choice;
    const numbers = FIELDS.filter(({ key }) => key !== 'drafts' && ((key !== 'steps' && key !== 'corrections') || takes(sampler, key)));
    const seed = form.seedValue();
    const { released: _, ...flags } = form.flags();
    return {
      ...(sampler !== USUAL && { sampler }),
      ...Object.fromEntries(numbers.map(({ key }) => [key, form.value(key)])),
      ...flags,
      ...(this.released && { released: true }),
      ...(typeof seed === 'bigint' && { seed }),
    };
  }

  get drafts(): number {
    return this.form.value('drafts');
  }

  /** The range of lengths of [[?]], if the fields are valid. */
  get free(): { least: number; most: number } {
    const [least, most] = [this.form.value('freeMin'), this.form.value('freeMax')];
    return least >= 1 && most >= least ? { least, most: Math.min(most, 512) } : { least: 1, most: 16 };
  }

  /** Sets options of a shared page; values that the form does not allow are marked by it. */
  use(options: InfillOptions): void {
    const { form } = this;
    for (const [key, value] of Object.entries(options)) {
      if (key === 'sampler') form.input(key).value = this.offered.some((name) => name === value) ? String(value) : USUAL;
      else if (typeof value === 'boolean') form.input(key).checked = value;
      else if (value !== undefined && form.input(key)) form.input(key).value = String(value);
    }
    form.fill('sampler', form.input('sampler').value);
  }

  useSeed(seed: number | bigint): void {
    this.form.useSeed(seed);
  }
}
