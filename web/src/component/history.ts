/** Undo and redo of what buttons change.  The page and the component use it. */

const MOST = 100;

export class History<State> {
  #past: State[] = [];
  #future: State[] = [];

  /** Saves the state before something changes it. */
  before(state: State): void {
    this.#past.push(state);
    if (this.#past.length > MOST) this.#past.shift();
    this.#future = [];
  }

  undo(present: State): State | undefined {
    const state = this.#past.pop();
    if (state !== undefined) this.#future.push(present);
    return state;
  }

  redo(present: State): State | undefined {
    const state = this.#future.pop();
    if (state !== undefined) this.#past.push(present);
    return state;
  }

  clear(): void {
    this.#past = [];
    this.#future = [];
  }

  /** The last states, the latest last. */
  last(count: number): State[] {
    return this.#past.slice(-count);
  }

  get canUndo(): boolean {
    return this.#past.length > 0;
  }

  get canRedo(): boolean {
    return this.#future.length > 0;
  }
}
