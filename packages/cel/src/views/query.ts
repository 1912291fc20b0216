import { decodeForm, encodeFormText, formValues } from '../encoding/form.ts';
import { functionError, noSuchKey } from '../values/error.ts';
import { Text, type Value } from '../values/value.ts';

/** A URI or path with a query that knows its parameters (spec 04 §5.7). Everywhere else it is its text. */
export class QueryText extends Text {
  override readonly text: string;

  constructor(text: string) {
    super();
    this.text = text;
  }

  override call(name: string, args: readonly Value[]): Value | undefined {
    if (name !== 'query' && name !== 'addQuery' && name !== 'setQuery') return undefined;
    const [key, value] = args;
    if (typeof key !== 'string') return functionError(name, 'name must be a string');
    if (name === 'query') {
      const values = formValues(this.text.slice(this.#queryStart(1)), key);
      return values.length === 0 ? noSuchKey(key) : values;
    }
    if (typeof value !== 'string') return functionError(name, 'value must be a string');
    const kept = name === 'setQuery' ? this.#pairs().filter(([own]) => own !== key) : this.#pairs();
    const query = [...kept, [key, value] as const].map((pair) => pair.map(encodeFormText).join('=')).join('&');
    return new QueryText(`${this.text.slice(0, this.#queryStart(0))}?${query}`);
  }

  #pairs(): readonly (readonly [key: string, value: string])[] {
    return decodeForm(this.text.slice(this.#queryStart(1)));
  }

  #queryStart(offset: number): number {
    const mark = this.text.indexOf('?');
    return mark < 0 ? this.text.length : mark + offset;
  }
}
