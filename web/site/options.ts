/** The options of a fill. */
import { samplerProperties, samplers, type InfillOptions, type Sampler } from 'palimpsest';
import { INFILL_RANGES as RANGES } from '../src/options.ts';
import { byId, make } from './dom.ts';
import { Form, type Field, type Switch } from './form.ts';

/** In the order of the menu; those without a line here come last. */
const ABOUT: Partial<Record<Sampler, string>> = {
  margin: 'writes first where the first choice is furthest ahead of the second',
  'first-hitting': 'writes at random places: the exact law of the model, the reference',
  entropy: 'writes first where the model hesitates least',
  confidence: 'writes first where one word is likeliest',
  ancestral: 'goes through a number of time steps; close to the law when they are many',
  parallel: 'writes several sure words at once: fewer evaluations, an approximation',
  remask: 'may take back what it wrote and write it again',
};
const MENU = [...new Set([...(Object.keys(ABOUT) as Sampler[]), ...samplers])];
const TIMED = samplers.filter((name) => samplerProperties[name].takes.includes('steps'));
const isTimed = (name: Sampler) => TIMED.includes(name);

type Key = 'drafts' | 'temperature' | 'topK' | 'topP' | 'minP' | 'repetitionPenalty' | 'steps' | 'freeMin' | 'freeMax';

const FIELDS: readonly Field<Key>[] = [
  { key: 'drafts', label: 'Drafts', hint: 'filled side by side', initial: 1, least: 1, most: 4, step: 1 },
  { key: 'temperature', label: 'Temperature', hint: '0 takes the likeliest, 1 is the model’s own', initial: 0.6, ...RANGES.temperature, step: 'any' },
  { key: 'topK', label: 'Top-k', hint: 'likeliest words only; 0 is off', initial: 0, least: 0, most: 1e6, step: 1 },
  { key: 'topP', label: 'Top-p', hint: 'likeliest share only; 1 is off, 0 the likeliest word', initial: 1, ...RANGES.topP, step: 'any' },
  { key: 'minP', label: 'Min-p', hint: 'share of the likeliest a word must have; 0 is off', initial: 0, ...RANGES.minP, step: 'any' },
  { key: 'repetitionPenalty', label: 'Repetition penalty', hint: '1 is off', initial: 1, ...RANGES.repetitionPenalty, step: 'any' },
  { key: 'steps', label: 'Time steps', hint: `of ${TIMED.join(' and ')}`, initial: 64, ...RANGES.steps, step: 1 },
  { key: 'freeMin', label: 'Length of [[?]], from', hint: 'tokens', initial: 1, least: 1, most: 512, step: 1 },
  { key: 'freeMax', label: 'to', hint: 'tokens', initial: 16, least: 1, most: 512, step: 1 },
];

const SWITCHES = [
  ['borders', 'Border rules', 'words begin and end where the given text lets them', true],
  ['document', 'A whole document', 'the text begins and ends with the page', false],
  ['window', 'Show the model a part', 'where the text is longer than its context', false],
] as const satisfies readonly Switch<string>[];
type Flag = (typeof SWITCHES)[number][0];

const NOTE =
  'Border rules, temperatures other than 1, and whatever keeps words out (top-k, top-p, min-p, the penalty) leave the model’s exact law on purpose. First-hitting at temperature 1 without border rules is the exact law.';

export class Options {
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
    form.form.append(this.samplers(), ...rest, form.seed(), form.toggles(), make('p', { class: 'note wide' }, NOTE), form.resetter());
    form.checks = () => this.check();
    form.changed = changed;
    form.begin();
  }

  private samplers(): HTMLElement {
    const select = make('select', {}, ...MENU.map((name) => make('option', { value: name }, name)));
    return this.form.row('sampler', 'Sampler', this.about, select, true);
  }

  private check(): boolean[] {
    const { form } = this;
    const sampler = form.input('sampler').value as Sampler;
    this.about.textContent = ABOUT[sampler] ?? '';
    form.input('steps').disabled = !isTimed(sampler);
    return form.value('freeMin') > form.value('freeMax') ? [form.say('freeMax', 'must not be less than the first')] : [];
  }

  /** The options as the library takes them, or null (and the first wrong field has the focus). */
  read(): InfillOptions | null {
    const { form } = this;
    if (!form.ready()) return null;
    const sampler = form.input('sampler').value as Sampler;
    const numbers = FIELDS.filter(({ key }) => key !== 'drafts' && (key !== 'steps' || isTimed(sampler)));
    const seed = form.seedValue();
    return {
      sampler,
      ...Object.fromEntries(numbers.map(({ key }) => [key, form.value(key)])),
      ...form.flags(),
      ...(typeof seed === 'bigint' && { seed }),
    };
  }

  get drafts(): number {
    return this.form.value('drafts');
  }

  /** What [[?]] stands for, as far as the fields make sense. */
  get free(): { least: number; most: number } {
    const [least, most] = [this.form.value('freeMin'), this.form.value('freeMax')];
    return least >= 1 && most >= least ? { least, most: Math.min(most, 512) } : { least: 1, most: 16 };
  }

  useSeed(seed: number | bigint): void {
    this.form.useSeed(seed);
  }
}
