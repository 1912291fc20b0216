/**
 * Cancelling that travels in the same turn of the loop.
 *
 * What `AbortController` is for, at the cost of one object: listeners are plain functions, called in the order in which
 * they came, before `abort` returns.
 */
export class Abort {
  #reason: Error | null = null;
  #listeners: ((reason: Error) => void)[] | null = null;

  /** Why it was aborted, or null while it was not. */
  get reason(): Error | null {
    return this.#reason;
  }

  /** Calls `listener` when aborted; at once if that has happened already. */
  listen(listener: (reason: Error) => void): void {
    if (this.#reason !== null) listener(this.#reason);
    else if (this.#listeners === null) this.#listeners = [listener];
    else this.#listeners.push(listener);
  }

  /** Takes a listener back; unknown ones are ignored. */
  unlisten(listener: (reason: Error) => void): void {
    const at = this.#listeners?.indexOf(listener) ?? -1;
    if (at >= 0) this.#listeners?.splice(at, 1);
  }

  /** The first call decides; later ones do nothing. */
  abort(reason: Error): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    const listeners = this.#listeners;
    this.#listeners = null;
    if (listeners !== null) for (const listener of listeners) listener(reason);
  }
}
