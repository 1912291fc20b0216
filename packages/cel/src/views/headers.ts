import { functionError, noSuchKey } from '../values/error.ts';
import { Fields, type Value } from '../values/value.ts';

/** The fields of a message, in order; names are lower-case. The headers of the HTTP package are one. */
export interface HeaderSource {
  readonly length: number;
  nameAt(index: number): string;
  valueAt(index: number): string;
  /** The first value. */
  get(name: string): string | undefined;
  getAll(name: string): readonly string[];
}

/** How a field's values are shown: as they are, joined with commas, always as a list, or cut at commas. */
type Form = 'default' | 'join' | 'raw' | 'split';

const alwaysSensitive: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization']);

/** A message's headers (spec 04 §5.6): names in any case; nothing is copied until somebody looks. */
export class HeadersView extends Fields {
  readonly #source: HeaderSource;
  /** Lower-case names beyond the two that are always sensitive. */
  readonly #sensitive: ReadonlySet<string>;
  readonly #form: Form;
  readonly #redacted: boolean;

  constructor(
    source: HeaderSource,
    sensitive: ReadonlySet<string> = alwaysSensitive,
    form: Form = 'default',
    redacted = false,
  ) {
    super();
    this.#source = source;
    this.#sensitive = sensitive;
    this.#form = form;
    this.#redacted = redacted;
  }

  /** The first value of `headers["const"]`, by lower-case name; undefined also if it is not visible ASCII. */
  first(lower: string): string | undefined {
    const value = this.#source.get(lower);
    return value !== undefined && isVisible(value) ? value : undefined;
  }

  override field(name: string): Value | undefined {
    const lower = name.toLowerCase();
    const values = this.#source.getAll(lower);
    if (values.length === 0) return undefined;
    if (this.#redacted && (alwaysSensitive.has(lower) || this.#sensitive.has(lower))) {
      return this.#shaped(values.map(() => '<redacted>'));
    }
    return this.#shaped(values);
  }

  override *names(): Iterable<string> {
    const seen = new Set<string>();
    for (let i = 0; i < this.#source.length; i++) {
      const name = this.#source.nameAt(i);
      if (seen.has(name)) continue;
      seen.add(name);
      yield name;
    }
  }

  override get size(): number {
    const { length } = this.#source;
    if (length > 32) return super.size;
    let size = 0;
    for (let i = 0; i < length; i++) {
      const name = this.#source.nameAt(i);
      let j = 0;
      while (j < i && this.#source.nameAt(j) !== name) j++;
      if (j === i) size++;
    }
    return size;
  }

  override call(name: string, args: readonly Value[]): Value | undefined {
    switch (name) {
      case 'join':
      case 'raw':
      case 'split':
        return this.#with(name, this.#redacted);
      case 'redacted':
        return this.#with(this.#form, true);
      case 'first':
      case 'all':
        return typeof args[0] === 'string' ? this.#values(name, args[0]) : functionError(name, 'name must be a string');
      case 'cookie':
        return typeof args[0] === 'string'
          ? (this.#cookie(args[0]) ?? noSuchKey(args[0]))
          : functionError('cookie', 'name must be a string');
      default:
        return undefined;
    }
  }

  #shaped(values: readonly string[]): Value {
    switch (this.#form) {
      case 'join':
        return values.join(',');
      case 'raw':
        return values;
      case 'split':
        return values.flatMap((value) => value.split(',').map((part) => part.trim()));
      case 'default':
        return values.length === 1 ? (values[0] as string) : values;
    }
  }

  #with(form: Form, redacted: boolean): HeadersView {
    return new HeadersView(this.#source, this.#sensitive, form, redacted);
  }

  /** Forms that say which of several values they mean, unlike an index and a selector. */
  #values(method: 'first' | 'all', name: string): Value {
    const values = this.#with('raw', this.#redacted).field(name) as readonly string[] | undefined;
    if (method === 'all') return values ?? [];
    return values?.[0] ?? noSuchKey(name);
  }

  #cookie(name: string): string | undefined {
    for (const header of this.#source.getAll('cookie')) {
      for (const pair of header.split(';')) {
        const equals = pair.indexOf('=');
        if (equals >= 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
      }
    }
    return undefined;
  }
}

function isVisible(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if ((code < 0x20 && code !== 0x09) || code > 0x7e) return false;
  }
  return true;
}
