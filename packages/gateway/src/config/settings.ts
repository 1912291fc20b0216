import { availableParallelism, hostname, networkInterfaces } from 'node:os';
import { secret } from '../resources/secret.ts';
import type { ServerAddress, Settings } from '../resources/settings.ts';
import { parseServerAddress } from './address.ts';
import { parseDuration } from './duration.ts';
import type { ConfigError, Problem } from './errors.ts';
import type { Env } from './expand.ts';
import { otlpSettings } from './otlp-settings.ts';
import type { Path } from './path.ts';
import { present } from './present.ts';
import { LOOKUP_FAMILIES, type StaticConfig } from './schema/static.ts';

/** What the machine says where nobody else does. */
export interface Machine {
  readonly cpus: number;
  readonly ipv6Loopback: boolean;
  readonly hostname: string;
}

/** This machine. */
export function thisMachine(): Machine {
  const addresses = Object.values(networkInterfaces()).flat();
  const ipv6Loopback = addresses.some((address) => address?.address === '::1');
  return { cpus: availableParallelism(), ipv6Loopback, hostname: hostname() };
}

/** Settings with everything that is wrong with them; the settings count only if nothing is. */
export interface ReadSettings {
  readonly settings: Settings;
  readonly problems: readonly Problem[];
  readonly errors: readonly ConfigError[];
}

/** Merges the environment over the `config` section over the defaults (spec 01 §2.4). */
export function readSettings(config: StaticConfig, env: Env, machine: Machine): ReadSettings {
  const reader = new SettingsReader(env);
  const enableIpv6 = reader.env('IPV6_ENABLED', bool) ?? config.enableIpv6 ?? true;
  const address = (name: string, fromFile: ServerAddress | null | undefined, fallback: ServerAddress) =>
    onMachine(reader.env(name, serverAddress) ?? fromFile ?? fallback, enableIpv6 && machine.ipv6Loopback);
  const any = enableIpv6 ? '::' : '0.0.0.0';
  const cpus = reader.env('CPU_LIMIT', positiveInteger) ?? machine.cpus;
  const { backend, logging, dns } = config;
  const edns0 = reader.env('DNS_EDNS0', bool) ?? dns?.edns0;
  const sessionKey = reader.sessionKey(config.session?.key);
  const level = logging?.level;
  const settings: Settings = {
    enableIpv6,
    adminAddr: address('ADMIN_ADDR', config.adminAddr, { hosts: ['127.0.0.1', '::1'], port: 15000 }),
    statsAddr: address('STATS_ADDR', config.statsAddr, { hosts: [any], port: 15020 }),
    readinessAddr: address('READINESS_ADDR', config.readinessAddr, { hosts: [any], port: 15021 }),
    workerThreads: reader.workerThreads(config.workerThreads, cpus),
    dnsLookupFamily: reader.env('DNS_LOOKUP_FAMILY', lookupFamily) ?? dns?.lookupFamily ?? 'Auto',
    terminationDeadline:
      reader.env('CONNECTION_TERMINATION_DEADLINE', durationValue) ??
      config.connectionTerminationDeadline ??
      graceDeadline(reader.env('TERMINATION_GRACE_PERIOD_SECONDS', seconds)),
    minTerminationDeadline:
      reader.env('CONNECTION_MIN_TERMINATION_DEADLINE', durationValue) ?? config.connectionMinTerminationDeadline ?? 0,
    backend: {
      connectTimeout: backend?.connectTimeout ?? 10_000,
      poolIdleTimeout: backend?.poolIdleTimeout ?? 90_000,
      keepalives: backend?.keepalives ?? { enabled: true, time: 180_000, interval: 180_000, retries: 9 },
      ...present({ poolMaxSize: backend?.poolMaxSize }),
    },
    logging: {
      format:
        reader.env('LOG_FORMAT', (text) => ({ value: text === 'json' ? 'json' : 'text' })) ?? logging?.format ?? 'text',
      level:
        reader.env('RUST_LOG', (text) => ({ value: text })) ?? (Array.isArray(level) ? level.join(',') : (level ?? '')),
    },
    environment: present({ podName: env.POD_NAME, namespace: env.NAMESPACE, gateway: env.GATEWAY }),
    metrics: {
      histograms: config.histograms ?? 'classic',
      remove: config.metrics?.remove ?? [],
      fields: Object.entries(config.metrics?.fields?.add ?? {}),
    },
    sensitiveHeaders: [...new Set(config.sensitiveHeaders ?? [])],
    otlp: otlpSettings(env, machine.hostname),
    ...present({
      customFunctions: config.customFunctions ?? undefined,
      dnsEdns0: edns0,
      sessionKey: sessionKey === undefined ? undefined : secret(sessionKey),
    }),
  };
  reader.refuseUnbuilt();
  return { settings, problems: reader.problems, errors: reader.errors };
}

type Parsed<T> = { readonly value: T } | { readonly error: string };

/** Variables that would change what the gateway does, in ways that are not built yet. */
const UNBUILT = ['XDS_ADDRESS', 'CA_ADDRESS', 'LOCAL_XDS_PATH'];

class SettingsReader {
  readonly problems: Problem[] = [];
  readonly errors: ConfigError[] = [];
  readonly #env: Env;

  constructor(env: Env) {
    this.#env = env;
  }

  /** Value of a variable that is set; a bad one is an error and counts as not set. */
  env<T>(name: string, parse: (text: string) => Parsed<T>, shown = true): T | undefined {
    const text = this.#env[name];
    if (text === undefined) return undefined;
    const parsed = parse(text);
    if ('value' in parsed) return parsed.value;
    this.#fail(`invalid env var ${name}=${shown ? text : '<redacted>'} (${parsed.error})`);
    return undefined;
  }

  workerThreads(config: string | number | null | undefined, cpus: number): number {
    const fromEnv = this.env('WORKER_THREADS', (text) => threads(text, cpus));
    if (fromEnv !== undefined) return fromEnv;
    if (config == null) return cpus;
    const parsed = threads(String(config), cpus);
    if ('value' in parsed) return parsed.value;
    this.problems.push({ path: ['config', 'workerThreads'], message: parsed.error, showValue: true });
    return cpus;
  }

  sessionKey(config: string | undefined): string | undefined {
    const path: Path = ['config', 'session', 'key'];
    const fromEnv = this.env('SESSION_KEY', hexKey, false);
    if (fromEnv !== undefined || config === undefined) return fromEnv;
    const parsed = hexKey(config);
    if ('value' in parsed) return parsed.value;
    this.problems.push({ path, message: parsed.error });
    return undefined;
  }

  refuseUnbuilt(): void {
    for (const name of UNBUILT) {
      if (this.#env[name]) this.#fail(`not supported yet: environment variable ${name}`);
    }
  }

  #fail(message: string): void {
    this.errors.push({ file: 'environment', line: 0, column: 0, path: [], message });
  }
}

function threads(text: string, cpus: number): Parsed<number> {
  const error = 'expected auto, a number of threads, or a share of the CPUs such as "50%"';
  if (text === 'auto') return { value: cpus };
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text);
  if (percent) {
    const share = Number(percent[1]);
    if (share <= 0 || share > 100) return { error: 'expected more than 0% and at most 100%' };
    return { value: Math.max(1, Math.ceil((cpus * share) / 100)) };
  }
  const parsed = positiveInteger(text);
  return 'value' in parsed ? parsed : { error };
}

function positiveInteger(text: string): Parsed<number> {
  const value = Number(text);
  return /^\d+$/.test(text) && value >= 1 && value <= 65535 ? { value } : { error: 'expected an integer from 1' };
}

function seconds(text: string): Parsed<number> {
  return /^\d{1,9}$/.test(text) ? { value: Number(text) } : { error: 'expected a number of seconds' };
}

function bool(text: string): Parsed<boolean> {
  if (text === 'true') return { value: true };
  return text === 'false' ? { value: false } : { error: 'expected true or false' };
}

function durationValue(text: string): Parsed<number> {
  const parsed = parseDuration(text);
  return 'ms' in parsed ? { value: parsed.ms } : parsed;
}

function serverAddress(text: string): Parsed<ServerAddress> {
  const parsed = parseServerAddress(text);
  return 'address' in parsed ? { value: parsed.address } : parsed;
}

function lookupFamily(text: string): Parsed<Settings['dnsLookupFamily']> {
  const value = LOOKUP_FAMILIES.find((family) => family === text);
  return value === undefined ? { error: `expected one of ${LOOKUP_FAMILIES.join(', ')}` } : { value };
}

function hexKey(text: string): Parsed<string> {
  const value = text.trim();
  return /^[0-9a-fA-F]{64}$/.test(value) ? { value } : { error: 'expected 64 hexadecimal digits' };
}

/** Drain time inside what the platform grants: it must end before the platform's own kill. */
function graceDeadline(grace: number | undefined): number {
  if (grace === undefined) return 5000;
  return Math.max(1, grace > 10 ? grace - 5 : grace - 1) * 1000;
}

/** `localhost` stands for both loopbacks as far as the machine has them. */
function onMachine(address: ServerAddress, ipv6: boolean): ServerAddress {
  if (!('hosts' in address) || ipv6 || address.hosts.length < 2) return address;
  return { hosts: address.hosts.filter((host) => host !== '::1'), port: address.port };
}
