/** Numbers that look random and are the same in every run (mulberry32). */
export function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) % below;
  };
}

/** What a configuration is made of. */
export interface Site {
  /** Port of the gateway that every configuration has. */
  readonly port: number;
  /** Ports that come and go. */
  readonly extraPorts: readonly number[];
  /** `host:port` of the upstreams. */
  readonly upstreams: readonly string[];
}

const POLICIES = [
  'timeout: { requestTimeout: 10s }',
  'retry: { attempts: 2, codes: [ 503 ] }',
  'requestHeaderModifier: { set: { x-one: a }, remove: [ x-two ] }',
  'responseHeaderModifier: { add: { x-three: b } }',
  'urlRewrite: { path: { full: /rewritten } }',
  'apiKey: { mode: optional, keys: [ { key: soak-key } ] }',
];

/**
 * A configuration: two routes that are always there (`/always` to some upstream, `/direct`), some of a hundred others
 * below `/r`, each with some policies, some backends of their own, and some of the extra ports.
 */
export function configuration(site: Site, random: (below: number) => number): string {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const policies = () => {
    const chosen = POLICIES.filter(() => random(3) === 0);
    return chosen.length === 0 ? '' : `, policies: { ${chosen.join(', ')} }`;
  };
  const routes = Array.from({ length: 100 }, (_, i) => i)
    .filter(() => random(2) === 0)
    .map((i) => {
      const match = pick([`pathPrefix: /r/${i}`, `exact: /r/${i}`, `regex: "/r/${i}(/.*)?"`]);
      return `- { name: r${i}, matches: [ { path: { ${match} } } ], backends: [ { host: "${pick(site.upstreams)}" } ]${policies()} }`;
    });
  const extra = site.extraPorts.filter(() => random(4) === 0).map((port, i) => `  extra${i}: { port: ${port} }`);
  return [
    `config: { workerThreads: 2, adminAddr: off, statsAddr: off, readinessAddr: off, session: { key: "${'5a'.repeat(32)}" } }`,
    'gateways:',
    `  default: { port: ${site.port} }`,
    ...extra,
    'routes:',
    `- { name: always, matches: [ { path: { exact: /always } } ], policies: { responseHeaderModifier: { set: { x-snapshot: "0" } } }, backends: [ { host: "${pick(site.upstreams)}" } ] }`,
    '- { name: direct, matches: [ { path: { exact: /direct } } ], policies: { directResponse: { status: 200, body: direct } } }',
    ...routes,
  ].join('\n');
}
