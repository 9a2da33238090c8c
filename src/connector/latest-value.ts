/** A value that changes, for those who want to know it now and those who want to hear of changes. */
export class LatestValue<T> {
  #current: { readonly value: T } | undefined;
  #version = 0;
  #end: { readonly failure: unknown } | undefined;
  readonly #listeners = new Set<() => void>();

  /** The value, when there has been one. */
  get current(): T | undefined {
    return this.#current?.value;
  }

  /** Sets the value; the same one again is no change. */
  set(value: T): void {
    if (this.#end !== undefined || (this.#current !== undefined && this.#current.value === value)) return;
    this.#current = { value };
    this.#version += 1;
    this.#notify();
  }

  /** No more changes; with a failure, those who wait for one get that. */
  end(failure?: unknown): void {
    this.#end ??= { failure };
    this.#notify();
  }

  /** The current value and then each one that comes; one that is overtaken before it is asked for is left out. */
  async *changes(signal?: AbortSignal): AsyncGenerator<T, void, void> {
    let seen = 0;
    for (;;) {
      signal?.throwIfAborted();
      if (this.#current !== undefined && this.#version > seen) {
        seen = this.#version;
        yield this.#current.value;
      } else if (this.#end !== undefined) {
        if (this.#end.failure !== undefined) throw this.#end.failure;
        return;
      } else await this.#nextChange(signal);
    }
  }

  #nextChange(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#listeners.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      this.#listeners.add(done);
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
