/** Undo and redo for the buttons. Text that was typed in between becomes a state too, so that nothing is lost. */

const MOST = 100;

export class History<State> {
  private past: State[] = [];
  private future: State[] = [];

  /** Saves the state before a button changes it. */
  before(state: State): void {
    this.past.push(state);
    if (this.past.length > MOST) this.past.shift();
    this.future = [];
  }

  undo(present: State): State | undefined {
    const state = this.past.pop();
    if (state !== undefined) this.future.push(present);
    return state;
  }

  redo(present: State): State | undefined {
    const state = this.future.pop();
    if (state !== undefined) this.past.push(present);
    return state;
  }

  get canUndo(): boolean {
    return this.past.length > 0;
  }

  get canRedo(): boolean {
    return this.future.length > 0;
  }
}
