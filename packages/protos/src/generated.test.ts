import { readdirSync } from 'node:fs';
import { createRegistry, type DescFile } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  FieldDescriptorProto_LabelSchema,
  FieldDescriptorProto_TypeSchema,
} from '@bufbuild/protobuf/wkt';
import { loadSync } from '@grpc/proto-loader';
import { expect, test } from 'vitest';
import * as generated from './index.ts';

/** What another reader of the `.proto` files makes of a message. */
interface Loaded {
  readonly name: string;
  readonly options?: { readonly mapEntry?: boolean } | null | undefined;
  readonly field: readonly { name: string; number: number; type: string; label: string }[];
  readonly nestedType: readonly Loaded[];
  readonly enumType: readonly { name: string; value: readonly { name: string; number: number }[] }[];
}

const folder = new URL('../proto', import.meta.url).pathname;
const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.proto'));
const files = Object.values(generated).filter((value): value is DescFile => (value as DescFile).kind === 'file');

test('every source has its code', () => {
  expect(files.map(({ name }) => `${name}.proto`).toSorted()).toEqual(sources.toSorted());
});

test.each(sources)('the code says what the source says: %s (npm run protos makes it anew)', (source) => {
  const registry = createRegistry(...files);
  const loaded = loadSync(source, { includeDirs: [folder], keepCase: true });
  let compared = 0;
  for (const [name, definition] of Object.entries(loaded)) {
    if (name.startsWith('google.protobuf.') || !('type' in definition)) continue;
    const ours = registry.get(name);
    const theirs = definition.type as Loaded;
    if (ours?.kind === 'message') expect(ofGenerated(ours.proto, name)).toEqual(ofLoaded(theirs, name));
    else if (ours?.kind === 'enum') expect(enumLines(ours.proto, name)).toEqual(enumLines(theirs as never, name));
    else expect.fail(`no code for ${name}`);
    compared++;
  }
  expect(compared).toBeGreaterThan(0);
});

test('services and their methods have the names and kinds of the wire', () => {
  const methods = Object.values(generated)
    .filter((value) => (value as { kind?: string }).kind === 'service')
    .flatMap((value) => (value as typeof generated.Authorization).methods)
    .map(({ parent, name, methodKind }) => `${methodKind} /${parent.typeName}/${name}`);
  expect(methods.toSorted()).toEqual([
    'bidi_streaming /envoy.service.ext_proc.v3.ExternalProcessor/Process',
    'unary /envoy.service.auth.v3.Authorization/Check',
    'unary /envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit',
    'unary /opentelemetry.proto.collector.logs.v1.LogsService/Export',
    'unary /opentelemetry.proto.collector.trace.v1.TraceService/Export',
  ]);
});

function ofLoaded({ field, nestedType, enumType }: Loaded, path: string): string[] {
  return [
    ...field.map(({ name, number, type, label }) => `${path}.${name} = ${number} ${type} ${label}`),
    ...nestedType.flatMap((nested) => ofLoaded(nested, `${path}.${nameOf(nested)}`)),
    ...enumType.flatMap((nested) => enumLines(nested, `${path}.${nested.name}`)),
  ].toSorted();
}

function ofGenerated({ field, nestedType, enumType }: DescriptorProto, path: string): string[] {
  return [
    ...field.map(({ name, number, type, label }) => {
      const typeName = FieldDescriptorProto_TypeSchema.value[type]?.name;
      const labelName = FieldDescriptorProto_LabelSchema.value[label]?.name;
      return `${path}.${name} = ${number} ${typeName} ${labelName}`;
    }),
    ...nestedType.flatMap((nested) => ofGenerated(nested, `${path}.${nameOf(nested)}`)),
    ...enumType.flatMap((nested) => enumLines(nested, `${path}.${nested.name}`)),
  ].toSorted();
}

/** The two readers call the entries of maps differently; nobody else sees them. */
function nameOf({ name, options }: Pick<Loaded, 'name' | 'options'>): string {
  return options?.mapEntry === true
    ? name
        .replaceAll('_', '')
        .replace(/Entry$/, '')
        .toLowerCase()
    : name;
}

function enumLines({ value }: Pick<EnumDescriptorProto, 'value'> | Loaded['enumType'][number], path: string): string[] {
  return value.map(({ name, number }) => `${path}.${name} = ${number}`).toSorted();
}
