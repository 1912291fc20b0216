import { displayed } from '../values/display.ts';
import { CelError } from '../values/error.ts';
import { types } from '../values/type.ts';
import { Fields, Opaque, settle, type Value } from '../values/value.ts';

/** What `flatten(x)` makes: a list or map that a log or trace field spreads into fields of its own. */
export class Flattened extends Opaque {
  override readonly type;
  /** A list or a map. */
  readonly value: readonly Value[] | Fields;
  /** Whether lists and maps inside are spread as well. */
  readonly recursive: boolean;

  constructor(value: readonly Value[] | Fields, recursive: boolean) {
    super();
    this.value = value;
    this.recursive = recursive;
    this.type = value instanceof Fields ? types.map : types.list;
  }

  override get text(): string {
    return this.type.name;
  }

  override equals(other: Opaque): boolean {
    return other === this;
  }

  /** The fields that a field called `name` becomes: `name.key`, `name.0`. Nulls and errors are left out. */
  *fields(name: string): Generator<[name: string, value: Value]> {
    yield* spread(name, this.value, this.recursive);
  }
}

function* spread(
  name: string,
  value: readonly Value[] | Fields,
  recursive: boolean,
): Generator<[name: string, value: Value]> {
  for (const [key, element] of entries(value)) {
    const inner = settle(element);
    if (inner === null || inner instanceof CelError) continue;
    if (recursive && isCollection(inner)) yield* spread(`${name}.${key}`, inner, true);
    else yield [`${name}.${key}`, inner];
  }
}

function* entries(value: readonly Value[] | Fields): Generator<[key: string, value: Value]> {
  if (!(value instanceof Fields)) {
    for (const [index, element] of value.entries()) yield [String(index), element];
    return;
  }
  for (const key of value.keys()) yield [typeof key === 'string' ? key : displayed(key), value.get(key) ?? null];
}

/** Something that can be spread. */
export function isCollection(value: Value): value is readonly Value[] | Fields {
  return Array.isArray(value) || value instanceof Fields;
}
