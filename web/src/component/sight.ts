/** Waits until the component can be seen, before anything is loaded without a press. */
export class Sight {
  #observer: IntersectionObserver | null = null;

  /** Calls `then` once.  Not for people whose browser asks to save data. */
  wait(element: Element, then: () => void): void {
    const { connection } = navigator as { connection?: { saveData?: boolean } };
    if (this.#observer || connection?.saveData) return;
    this.#observer = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      this.#observer?.disconnect();
      then();
    });
    this.#observer.observe(element);
  }

  end(): void {
    this.#observer?.disconnect();
    this.#observer = null;
  }
}
