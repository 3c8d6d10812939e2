/** The attributes of <palimpsest-blanks> and the properties that reflect them. */
import type { Notation } from '../notation.ts';
import type { InfillOptions } from '../types.ts';
import { drawSeed } from '../values.ts';
import type { Wanted } from './models.ts';
import { words } from './words.ts';

/** Another value of these is another model. */
export const MODEL_ATTRIBUTES: ReadonlySet<string> = new Set(['src', 'adapter', 'base', 'sha256', 'adapter-sha256']);

/** Without a browser, for example where a page is rendered on a server, there is nothing to extend. */
const Base = (typeof HTMLElement === 'undefined' ? class {} : HTMLElement) as typeof HTMLElement;

/** Properties of <palimpsest-blanks> that are attributes too. */
export class BlanksAttributes extends Base {
  /** Attributes that the component follows. */
  static readonly observedAttributes: readonly string[] = [
    'src', 'adapter', 'base', 'sha256', 'adapter-sha256', 'disabled', 'readonly', 'required', 'editable', 'notation', 'autoload', 'autofill', 'alternatives', 'certainty', 'aria-label',
  ];

  /** Address of the model file, or `hf:owner/name/file.gguf`. */
  get src(): string { return this.#text('src'); }
  set src(value: string) { this.setAttribute('src', value); }
  /** Address of an adapter, which lets a causal model fill blanks. */
  get adapter(): string { return this.#text('adapter'); }
  set adapter(value: string) { this.setAttribute('adapter', value); }
  /** Folder of the engine's files, if they are not beside the library. */
  get base(): string { return this.#text('base'); }
  set base(value: string) { this.setAttribute('base', value); }
  /** Name in a form. */
  get name(): string { return this.#text('name'); }
  set name(value: string) { this.setAttribute('name', value); }
  /** Nothing can be used, and a form does not send the value. */
  get disabled(): boolean { return this.hasAttribute('disabled'); }
  set disabled(value: boolean) { this.toggleAttribute('disabled', value); }
  /** The text can be read and is sent, but not changed. */
  get readOnly(): boolean { return this.hasAttribute('readonly'); }
  set readOnly(value: boolean) { this.toggleAttribute('readonly', value); }
  /** A form is valid only if no blank is open. */
  get required(): boolean { return this.hasAttribute('required'); }
  set required(value: boolean) { this.toggleAttribute('required', value); }
  /** People can type the text, not only fill it. */
  get editable(): boolean { return this.hasAttribute('editable'); }
  set editable(value: boolean) { this.toggleAttribute('editable', value); }
  /** The model is loaded as soon as the component can be seen, not only at the first fill. */
  get autoload(): boolean { return this.hasAttribute('autoload'); }
  set autoload(value: boolean) { this.toggleAttribute('autoload', value); }
  /** The model is loaded and the text is filled once, as soon as the component can be seen. */
  get autofill(): boolean { return this.hasAttribute('autofill'); }
  set autofill(value: boolean) { this.toggleAttribute('autofill', value); }
  /** A press on a word shows its alternatives, to choose from, and every token is a word of its own. */
  get alternatives(): boolean { return this.hasAttribute('alternatives'); }
  set alternatives(value: boolean) { this.toggleAttribute('alternatives', value); }
  /** Written words are tinted: the darker, the less certain the model was. */
  get certainty(): boolean { return this.hasAttribute('certainty'); }
  set certainty(value: boolean) { this.toggleAttribute('certainty', value); }
  /** `typed` (default): `___`, `[MASK]` and others are blanks too; `strict`: only `[[4]]`, `[[3-8]]` and `[[?]]`. */
  get notation(): Notation { return this.#text('notation') === 'strict' ? 'strict' : 'typed'; }
  set notation(value: Notation) { this.setAttribute('notation', value); }
  /** How many fills are made, to choose from: 1 (default) to 8. */
  get drafts(): number { return this.number('drafts', DRAFTS) ?? 1; }
  set drafts(value: number) { this.setAttribute('drafts', String(value)); }
  /** Seed of the first fill, or null: one is drawn.  Each further fill of the same text takes the next number. */
  get seed(): bigint | null { return this.seedGiven(); }
  set seed(value: bigint | number | null) { this.#set('seed', value); }
  /** Temperature, or null: that of the library. */
  get temperature(): number | null { return this.number('temperature', TEMPERATURE); }
  set temperature(value: number | null) { this.#set('temperature', value); }
  /** Name of the sampler, or null: the one that suits the model. */
  get sampler(): string | null { return this.getAttribute('sampler') || null; }
  set sampler(value: string | null) { this.#set('sampler', value); }

  #text(name: string): string {
    return this.getAttribute(name) ?? '';
  }

  #set(name: string, value: unknown): void {
    if (value === null || value === undefined) this.removeAttribute(name);
    else this.setAttribute(name, String(value));
  }

  /** @internal The number of an attribute; null: it is not there.  Throws if it is not of this kind. */
  number(name: string, { min, max, whole, kind }: NumberRule): number | null {
    const text = this.#text(name).trim();
    if (!text) return null;
    const value = Number(text);
    if (!(value >= min && value <= max) || (whole && !Number.isInteger(value))) throw new AttributeError(words.attribute(name, kind, text));
    return value;
  }

  /** @internal */
  seedGiven(): bigint | null {
    const text = this.#text('seed').trim();
    if (!text) return null;
    if (!/^\d{1,20}$/.test(text) || BigInt(text) >= 1n << 64n) throw new AttributeError(words.attribute('seed', 'a whole number from 0 to 18446744073709551615', text));
    return BigInt(text);
  }

  /** @internal Options of a fill, with a seed; attributes come before the given options.  `fills`: fills of the text so far. */
  settings(options: InfillOptions, fills: number): InfillOptions & { seed: bigint } {
    const { temperature, sampler, drafts: _checked } = this;
    const given = this.seed ?? (options.seed === undefined ? null : BigInt(options.seed));
    const seed = given === null ? drawSeed() : BigInt.asUintN(64, given + BigInt(fills));
    return { ...options, ...(temperature !== null && { temperature }), ...(sampler !== null && { sampler: sampler as InfillOptions['sampler'] }), seed };
  }

  /** @internal Takes properties that were set before the element was defined. */
  upgrade(names: readonly string[]): void {
    const own = this as unknown as Record<string, unknown>;
    for (const name of names) {
      if (!Object.hasOwn(this, name)) continue;
      const value = own[name];
      delete own[name];
      own[name] = value;
    }
  }

  /** @internal The model that the attributes name, or null. */
  wanted(): Wanted | null {
    const of = (name: string) => this.getAttribute(name)?.trim() || undefined;
    const address = (name: string) => absolute(of(name), this.baseURI);
    const src = address('src');
    return src === undefined ? null : { src, adapter: address('adapter'), base: address('base'), sha256: of('sha256'), adapterSha256: of('adapter-sha256') };
  }
}

/** Relative to the page, as the addresses of pictures are.  What is not an address is left to load(), which says so. */
function absolute(address: string | undefined, base: string): string | undefined {
  if (address === undefined || address.startsWith('hf:')) return address;
  try {
    return new URL(address, base).href;
  } catch {
    return address;
  }
}

interface NumberRule {
  min: number;
  max: number;
  whole: boolean;
  /** For the error. */
  kind: string;
}

const DRAFTS: NumberRule = { min: 1, max: 8, whole: true, kind: 'a whole number from 1 to 8' };
const TEMPERATURE: NumberRule = { min: 0, max: Infinity, whole: false, kind: 'a number, 0 or more' };

/** A wrong attribute.  Its code is that of a wrong option. */
export class AttributeError extends Error {
  override readonly name = 'AttributeError';
  /** As in PalimpsestError. */
  readonly code = 'option';
}
