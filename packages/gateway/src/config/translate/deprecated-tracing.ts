import type { BackendPolicy } from '../../policies/policy.ts';
import type { TracingSpec } from '../../policies/tracing/spec.ts';
import type { Address } from '../../resources/model.ts';
import { isHostName } from '../address.ts';
import type { Env } from '../expand.ts';
import type { Path } from '../path.ts';
import { present } from '../present.ts';
import { isHeaderName, isHeaderValue } from '../schema/fields.ts';
import type { StaticConfig } from '../schema/static.ts';
import type { Translation } from './translation.ts';

type Options = NonNullable<StaticConfig['tracing']>;

const path: Path = ['config', 'tracing'];

/** Variables that say otherwise than the file, the first that is not empty (spec 10 §2.4). */
const variables = {
  endpoint: ['OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'],
  headers: ['OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS', 'OTEL_EXPORTER_OTLP_HEADERS'],
  protocol: ['OTLP_PROTOCOL', 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'],
} as const;

/** What `config.tracing` said before there were policies for it, as the policy; null, with a problem, where it says nothing useful. */
export function deprecatedTracing(options: Options, translation: Translation): TracingSpec | null {
  const { env } = translation;
  const protocol = protocolOf(options, env, translation);
  const endpoint = endpointOf(options, env, translation);
  const headers = headersOf(options, env, translation);
  if (protocol === null || endpoint === null || headers === null) return null;
  const policies: BackendPolicy[] = [];
  if (headers.length > 0) policies.push({ kind: 'requestHeaderModifier', spec: { add: [], set: headers, remove: [] } });
  if (endpoint.tls) policies.push({ kind: 'backendTLS', spec: {} });
  return present({
    receiver: { $backend: { address: endpoint.address }, policies },
    protocol,
    path: endpoint.path ?? options.path ?? '/v1/traces',
    randomSampling: options.randomSampling,
    clientSampling: options.clientSampling,
    attributes: Object.entries(options.fields?.add ?? {}),
    remove: options.fields?.remove ?? [],
    resources: [],
  });
}

interface Variable {
  readonly name: string;
  readonly text: string;
}

function variable(names: readonly string[], env: Env): Variable | null {
  for (const name of names) {
    const text = env[name];
    if (text !== undefined && text !== '') return { name, text };
  }
  return null;
}

function protocolOf(options: Options, env: Env, translation: Translation): TracingSpec['protocol'] | null {
  const given = variable(variables.protocol, env);
  if (given === null) return options.otlpProtocol ?? 'grpc';
  const text = given.text.trim();
  if (text === 'grpc') return 'grpc';
  if (text === 'http' || text === 'http/protobuf') return 'http';
  const message = `unsupported protocol ${given.name}=${text}; write grpc, http or http/protobuf`;
  translation.problem({ path, message, at: 'key' });
  return null;
}

interface Endpoint {
  readonly address: Address;
  readonly tls: boolean;
  /** Null where the endpoint has none of its own. */
  readonly path: string | null;
}

const ports: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443, 'grpc:': 4317 };

function endpointOf(options: Options, env: Env, translation: Translation): Endpoint | null {
  const given = variable(variables.endpoint, env);
  const text = given?.text ?? options.otlpEndpoint ?? '';
  const refuse = (message: string) => {
    const place = given === null ? [...path, 'otlpEndpoint'] : path;
    translation.problem({
      path: text === '' ? path : place,
      at: given === null && text !== '' ? 'value' : 'key',
      message,
    });
    return null;
  };
  if (text === '') return refuse(`otlpEndpoint is missing; set it, or one of ${variables.endpoint.join(', ')}`);
  const from = given === null ? '' : `${given.name}: `;
  const whole = text.includes('://') ? text : `https://${text}`;
  const url = URL.parse(whole);
  if (url === null) return refuse(`${from}not a URL; write scheme://host:port`);
  const port = ports[url.protocol];
  if (port === undefined) return refuse(`${from}unsupported tracing endpoint scheme: ${url.protocol.slice(0, -1)}`);
  const bracketed = url.hostname.startsWith('[');
  const host = bracketed ? url.hostname.slice(1, -1) : url.hostname;
  if (host === '' || (!bracketed && !isHostName(host))) return refuse(`${from}not a URL with a host`);
  if (url.username !== '' || url.password !== '') return refuse(`${from}credentials belong into headers`);
  const own = `${url.pathname}${url.search}`;
  return {
    address: { host, port: url.port === '' ? port : Number(url.port) },
    tls: url.protocol === 'https:',
    path: own === '' || own === '/' ? null : own,
  };
}

/** Of the file, and over them those of the environment. */
function headersOf(options: Options, env: Env, translation: Translation): [name: string, value: string][] | null {
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(options.headers ?? {})) headers.set(name.toLowerCase(), value);
  const given = variable(variables.headers, env);
  const extra = given === null ? [] : parseHeaders(given.text);
  if (extra === null) {
    const message = `${given?.name}: not headers; write name=value,name=value or a JSON object`;
    translation.problem({ path, at: 'key', message });
    return null;
  }
  for (const [name, value] of extra) headers.set(name.toLowerCase(), value);
  for (const [name, value] of headers) {
    if (isHeaderName(name) && isHeaderValue(value)) continue;
    translation.problem({ path, at: 'key', message: `header ${JSON.stringify(name)} of the exporter cannot be sent` });
    return null;
  }
  return [...headers];
}

function parseHeaders(text: string): [name: string, value: string][] | null {
  if (text.trimStart().startsWith('{')) {
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      return null;
    }
    const entries = Object.entries(parsed as object);
    return entries.every(([, value]) => typeof value === 'string') ? entries : null;
  }
  const headers: [string, string][] = [];
  for (const pair of text.split(',')) {
    if (pair.trim() === '') continue;
    const equals = pair.indexOf('=');
    if (equals < 1) return null;
    headers.push([pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()]);
  }
  return headers;
}
