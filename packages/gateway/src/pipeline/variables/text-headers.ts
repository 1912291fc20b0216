import { HeadersView } from '@agentgateway/cel';
import type { Headers } from '@agentgateway/http';
import { fromBytes } from '../../resources/routing/text.ts';

/** Header fields as expressions see them: the bytes of a value are read as UTF-8. What is ASCII, as nearly all is, is passed on as it is. */
class TextHeaders {
  readonly #headers: Headers;

  constructor(headers: Headers) {
    this.#headers = headers;
  }

  get length(): number {
    return this.#headers.length;
  }

  nameAt(index: number): string {
    return this.#headers.nameAt(index);
  }

  valueAt(index: number): string {
    return fromBytes(this.#headers.valueAt(index));
  }

  get(name: string): string | undefined {
    const value = this.#headers.get(name);
    return value === undefined ? undefined : fromBytes(value);
  }

  getAll(name: string): readonly string[] {
    const values = this.#headers.getAll(name);
    for (let i = 0; i < values.length; i++) values[i] = fromBytes(values[i] as string);
    return values;
  }
}

/** The view of a message's fields, made when it is first asked for and again when the message was given other fields. */
export class HeadersVariable {
  #of: Headers | null = null;
  #view: HeadersView | null = null;

  view(headers: Headers, sensitive: ReadonlySet<string>): HeadersView {
    if (this.#view === null || this.#of !== headers) {
      this.#of = headers;
      this.#view = new HeadersView(new TextHeaders(headers), sensitive);
    }
    return this.#view;
  }
}
