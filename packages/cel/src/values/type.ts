/** The type of a value, itself a value: `type(x) == int`. */
export class TypeValue {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

const names = [
  'bool',
  'bytes',
  'cidr',
  'double',
  'dyn',
  'int',
  'ip',
  'list',
  'map',
  'null_type',
  'optional_type',
  'string',
  'type',
  'uint',
  'google.protobuf.Duration',
  'google.protobuf.Timestamp',
] as const;

/** Names of all types. */
export type TypeName = (typeof names)[number];

/** One object per type, so that types compare by identity. */
export const types = Object.freeze(
  Object.fromEntries(names.map((name) => [name, new TypeValue(name)])) as Record<TypeName, TypeValue>,
);

/** What an expression may call them (spec 04 §3.3); `float` is another name of `double`. */
export const typeIdentifiers: ReadonlyMap<string, TypeValue> = new Map([
  ['bool', types.bool],
  ['bytes', types.bytes],
  ['double', types.double],
  ['float', types.double],
  ['duration', types['google.protobuf.Duration']],
  ['dyn', types.dyn],
  ['int', types.int],
  ['list', types.list],
  ['map', types.map],
  ['null_type', types.null_type],
  ['string', types.string],
  ['timestamp', types['google.protobuf.Timestamp']],
  ['type', types.type],
  ['uint', types.uint],
]);

/** The two types whose name has dots. */
export const dottedTypes: ReadonlyMap<string, TypeValue> = new Map([
  ['google.protobuf.Duration', types['google.protobuf.Duration']],
  ['google.protobuf.Timestamp', types['google.protobuf.Timestamp']],
]);
