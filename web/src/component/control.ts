/** What makes <palimpsest-blanks> a control of a form: value, validity, labels. */
import { BlanksAttributes } from './attributes.ts';

/** The members that an <input> has too. */
export class BlanksControl extends BlanksAttributes {
  /** It takes part in forms. */
  static readonly formAssociated: boolean = true;

  readonly #internals: ElementInternals;
  #message = '';
  #missing = '';
  #anchor: HTMLElement | undefined;

  /** @internal */
  constructor() {
    super();
    this.#internals = this.attachInternals();
  }

  /** Kind of form control. */
  get type(): string { return 'palimpsest-blanks'; }
  /** The form that it belongs to. */
  get form(): HTMLFormElement | null { return this.#internals.form; }
  /** Its labels. */
  get labels(): NodeList { return this.#internals.labels; }
  /** As of an input. */
  get validity(): ValidityState { return this.#internals.validity; }
  /** As of an input. */
  get validationMessage(): string { return this.#internals.validationMessage; }
  /** As of an input. */
  get willValidate(): boolean { return this.#internals.willValidate; }
  /** As of an input. */
  checkValidity(): boolean { return this.#internals.checkValidity(); }
  /** As of an input. */
  reportValidity(): boolean { return this.#internals.reportValidity(); }
  /** As of an input. */
  setCustomValidity(message: string): void {
    this.#message = message;
    this.#validate();
  }

  /** @internal Tells the form the value, the state that the browser keeps, and what is missing. */
  tell(value: string, state: string, missing: string, anchor: HTMLElement): void {
    this.#internals.setFormValue(value, state);
    this.#missing = missing;
    this.#anchor = anchor;
    this.#validate();
  }

  #validate(): void {
    const flags = this.#message ? { customError: true } : this.#missing ? { valueMissing: true } : {};
    this.#internals.setValidity(flags, this.#message || this.#missing, this.#anchor);
  }

  /** @internal For `:state(name)`; older browsers accept other names only. */
  state(name: string, on: boolean): void {
    try {
      if (on) this.#internals.states.add(name);
      else this.#internals.states.delete(name);
    } catch {
      // no states here
    }
  }

  /** @internal From `aria-label` or the labels. */
  accessibleName(otherwise: string): string {
    return this.getAttribute('aria-label') || [...this.labels].map((label) => label.textContent?.trim()).join(' ') || otherwise;
  }
}
