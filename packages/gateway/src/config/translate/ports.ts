import type { Path } from '../path.ts';
import type { Translation } from './translation.ts';

/** Who holds which port: one holder each (spec 01 §3.2). */
export class Ports {
  readonly #holders = new Map<number, string>();
  readonly #translation: Translation;

  constructor(translation: Translation) {
    this.#translation = translation;
  }

  /** Gives the port to `holder`, named as in `binds[0]` or `gateways.x`; false, with a problem, if it is taken. */
  take(port: number, holder: string, path: Path): boolean {
    const other = this.#holders.get(port);
    if (other === undefined) {
      this.#holders.set(port, holder);
      return true;
    }
    const message = `port ${port} is configured by both ${other} and ${holder}; binds, llm, and mcp must use unique ports`;
    this.#translation.problem({ path, message });
    return false;
  }
}
