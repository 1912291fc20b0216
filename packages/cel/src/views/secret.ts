import { Text, type Value } from '../values/value.ts';

/** A credential: every operator and function sees `<redacted>`, only `.unredacted()` gives it away (spec 04 §5.8). */
export class Secret extends Text {
  override readonly text = '<redacted>';
  readonly #value: string;

  constructor(value: string) {
    super();
    this.#value = value;
  }

  override call(name: string): Value | undefined {
    return name === 'unredacted' ? this.#value : undefined;
  }
}
