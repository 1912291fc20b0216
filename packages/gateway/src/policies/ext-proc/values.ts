import { CelError, type Native, type Program, toNative } from '@agentgateway/cel';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { Ports } from '../../pipeline/step.ts';
import type { ExtProcSpec } from './spec.ts';

/** The namespace of metadata that is sent as fields of the call. */
const callFields = 'agentgateway.dev.grpc_initial_metadata';

type Compiled = readonly (readonly [name: string, program: Program])[];

/** What the processor is told besides the message: expressions, compiled. */
export class Facts {
  readonly #request: Compiled;
  readonly #response: Compiled;
  readonly #metadata: readonly (readonly [namespace: string, Compiled])[];
  readonly #callFields: Compiled;

  constructor({ requestAttributes, responseAttributes, metadataContext }: ExtProcSpec, ports: Ports) {
    const compile = (expressions: ExtProcSpec['requestAttributes']): Compiled =>
      Object.entries(expressions).map(([name, expression]) => [name, ports.expression(expression)]);
    this.#request = compile(requestAttributes);
    this.#response = compile(responseAttributes);
    this.#metadata = Object.entries(metadataContext)
      .filter(([namespace]) => namespace !== callFields)
      .map(([namespace, expressions]) => [namespace, compile(expressions)]);
    this.#callFields = compile(metadataContext[callFields] ?? {});
  }

  /** `attributes` of a direction's first message; nothing where there are none. */
  attributes(exchange: Exchange, side: 'request' | 'response'): Record<string, JsonObject> | undefined {
    const programs = side === 'request' ? this.#request : this.#response;
    if (programs.length === 0) return undefined;
    return { 'envoy.filters.http.ext_proc': evaluate(programs, exchange) };
  }

  /** `metadata_context`; nothing where there is none. */
  metadata(exchange: Exchange): { readonly filterMetadata: Record<string, JsonObject> } | undefined {
    if (this.#metadata.length === 0) return undefined;
    return {
      filterMetadata: Object.fromEntries(
        this.#metadata.map(([namespace, programs]) => [namespace, evaluate(programs, exchange)]),
      ),
    };
  }

  /** Fields of the call: strings, numbers and bools under names that a call may have; everything else is left out. */
  callFields(exchange: Exchange): [name: string, value: string][] {
    return this.#callFields.flatMap(([name, program]) => {
      const value = toNative(program.evaluate(exchange.variables));
      const lower = name.toLowerCase();
      if (value === null || typeof value === 'object' || !isCallField(lower)) return [];
      const text = String(value);
      if (lower.endsWith('-bin')) return [[lower, Buffer.from(text).toString('base64')]];
      return /^[\x20-\x7e]*$/.test(text) ? [[lower, text]] : [];
    });
  }
}

/** Names of custom metadata (the gRPC protocol over HTTP/2); what belongs to the call itself is not to be said by others. */
function isCallField(name: string): boolean {
  return /^[a-z0-9_.-]+$/.test(name) && !name.startsWith('grpc-') && !reserved.has(name);
}

const reserved: ReadonlySet<string> = new Set([
  'content-type',
  'content-length',
  'te',
  'host',
  'connection',
  'transfer-encoding',
  'upgrade',
  'keep-alive',
  'proxy-connection',
]);

/** An entry that fails is left out (spec 04 §6). */
function evaluate(programs: Compiled, exchange: Exchange): JsonObject {
  const entries: [name: string, value: JsonValue][] = [];
  for (const [name, program] of programs) {
    const value = toNative(program.evaluate(exchange.variables));
    if (!(value instanceof CelError)) entries.push([name, asJson(value)]);
  }
  return Object.fromEntries(entries);
}

/** `google.protobuf.Value` has one kind of number. */
function asJson(value: Native): JsonValue {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(asJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, asJson(member)]));
}
