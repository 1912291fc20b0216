import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { verifies } from '../../test/verifies.ts';
import type { Resource, ResourceKind } from '../resources/model.ts';
import { load, loaded, refused } from './testing.ts';

function keys(text: string, kind: ResourceKind): string[] {
  return ofKind(text, kind).map((resource) => resource.key);
}

function ofKind<K extends ResourceKind>(text: string, kind: K): Extract<Resource, { kind: K }>[] {
  return loaded(text).resources.filter(
    (resource): resource is Extract<Resource, { kind: K }> => resource.kind === kind,
  );
}

const host = (address: string) => `{backends: [{host: "${address}"}]}`;

test('CFG-1: an empty object loads, an empty text does not', () => {
  verifies('CFG-1');
  expect(loaded('{}').resources).toEqual([]);
  expect(refused('')).toHaveLength(1);
});

test('CFG-2: keys and names of a bind', () => {
  verifies('CFG-2');
  const text = `config: {}\nbinds: [{port: 3000, listeners: [{routes: [${host('127.0.0.1:8080')}]}]}]`;
  const listener = 'default/default/bind/3000/listener0';
  const [bind, , backend, route] = loaded(text).resources;
  expect(bind).toMatchObject({ key: 'bind/3000', host: '::', port: 3000, protocol: 'http' });
  expect(ofKind(text, 'listener')).toEqual([
    {
      kind: 'listener',
      key: listener,
      bind: 'bind/3000',
      name: { gatewayName: 'default', gatewayNamespace: 'default', listenerName: 'listener0' },
      hostname: '',
      protocol: 'HTTP',
      tls: null,
    },
  ]);
  expect(backend).toMatchObject({
    key: `/${listener}/default/route0/backend0`,
    target: { type: 'host', address: { host: '127.0.0.1', port: 8080 } },
  });
  expect(route).toEqual({
    kind: 'route',
    key: `${listener}/default/route0`,
    listener,
    name: { namespace: 'default', name: 'route0' },
    order: 0,
    hostnames: [],
    matches: [{ path: { pathPrefix: '/' }, headers: [], query: [] }],
    backends: [{ weight: 1, target: { backend: `/${listener}/default/route0/backend0` }, policies: [] }],
    policies: [],
  });
});

test('without IPv6, binds take IPv4 addresses', () => {
  expect(loaded('config: {enableIpv6: false}\nbinds: [{port: 1, listeners: []}]').resources[0]).toMatchObject({
    host: '0.0.0.0',
  });
});

test('CFG-3: routes without gateways go to the default gateway', () => {
  verifies('CFG-3');
  const text = `gateways: {default: {port: 12345}}\nroutes: [${host('a:80')}, ${host('b:80')}]`;
  expect(keys(text, 'route')).toEqual(['gateway/default/default/route0', 'gateway/default/default/route1']);
  expect(ofKind(text, 'route').map((route) => route.order)).toEqual([0, 1]);
  expect(ofKind(text, 'listener')).toMatchObject([{ key: 'gateway/default', hostname: '*', bind: 'bind/12345' }]);
});

test('CFG-4: a route on several gateways and listeners', () => {
  verifies('CFG-4');
  const gateways =
    'gateways: {alt: {port: 1}, wl: {port: 2, listeners: [{name: a, hostname: a.example.com}, {hostname: B.example.com.}]}}';
  const route = (references: string) => `${gateways}\nroutes: [{gateways: ${references}, backends: [{host: "h:80"}]}]`;
  const both = route('[alt, wl/a]');
  expect(keys(both, 'route')).toEqual(['gateway/alt/default/route0', 'gateway/wl/a/default/route0']);
  expect(keys(both, 'backend')).toHaveLength(2);
  expect(
    ofKind(both, 'listener').map((listener) => [listener.key, listener.hostname, listener.name.listenerName]),
  ).toEqual([
    ['gateway/alt', '*', 'alt'],
    ['gateway/wl/a', 'a.example.com', 'wl/a'],
    ['gateway/wl/listener1', 'b.example.com', 'wl/listener1'],
  ]);
  expect(keys(route('wl'), 'route')).toEqual(['gateway/wl/a/default/route0', 'gateway/wl/listener1/default/route0']);
  // named twice, attached once
  expect(keys(route('[wl, wl/a]'), 'route')).toHaveLength(2);
});

test('unnamed routes count on each listener, and names have namespaces', () => {
  const text = `gateways: {a: {port: 1}, b: {port: 2}}
routes:
- {gateways: a}
- {gateways: b}
- {gateways: [a, b]}
- {gateways: a, name: x, namespace: n}
- {gateways: a, name: x}`;
  expect(keys(text, 'route')).toEqual([
    'gateway/a/default/route0',
    'gateway/b/default/route0',
    'gateway/a/default/route1',
    'gateway/b/default/route1',
    'gateway/a/n/x',
    'gateway/a/default/x',
  ]);
});

test('CFG-8: a port has one holder, binds and gateways together', () => {
  verifies('CFG-8');
  expect(refused('binds: [{port: 80, listeners: []}, {port: 80, listeners: []}]\ngateways: {g: {port: 80}}')).toEqual([
    expect.stringContaining('port 80 is configured by both binds[0] and binds[1]'),
    expect.stringContaining('port 80 is configured by both binds[0] and gateways.g'),
  ]);
});

test('CFG-28: backends by name, with and without the slash', () => {
  verifies('CFG-28');
  const text = (reference: string) =>
    `gateways: {default: {port: 1}}\nroutes: [{backends: [{backend: ${reference}}]}]\nbackends: [{name: shared, host: "h:80"}]`;
  for (const reference of ['shared', '/shared']) {
    expect(ofKind(text(reference), 'route')[0]!.backends[0]!.target).toEqual({ backend: '/shared' });
  }
  expect(keys(text('shared'), 'backend')).toEqual(['/shared']);
  expect(refused(text('other'))).toEqual([expect.stringContaining('no backend of this name')]);
});

test("CFG-35: a reference's own policies stand before those of its route, the backend's stay with it", () => {
  verifies('CFG-35');
  const text = `gateways: {default: {port: 1}}
routes:
- policies: {backendTLS: {hostname: route}, backendAuth: {key: k}, timeout: {requestTimeout: 1s}}
  backends:
  - backend: shared
    policies: {backendTLS: {hostname: reference}}
backends: [{name: shared, host: "h:80", policies: {backendTLS: {hostname: backend}}}]`;
  const [route] = ofKind(text, 'route');
  expect(route!.policies).toEqual([{ kind: 'timeout', spec: { requestTimeout: 1000 } }]);
  expect(route!.backends[0]!.policies).toEqual([
    { kind: 'backendTLS', spec: { hostname: 'reference' } },
    { kind: 'backendTLS', spec: { hostname: 'route' } },
    { kind: 'backendAuth', spec: { key: { value: { $secret: 'k' } } } },
  ]);
  expect(ofKind(text, 'backend')[0]!.policies).toEqual([{ kind: 'backendTLS', spec: { hostname: 'backend' } }]);
});

test('every policy of a route as a resource', () => {
  const hash = 'AB'.repeat(32);
  const text = `gateways: {default: {port: 1}}
routes:
- policies:
    requestHeaderModifier: {add: {X-A: "1", B: "2"}, set: {C: "3"}, remove: [X-D]}
    responseHeaderModifier: {remove: [server]}
    urlRewrite: {authority: {full: "a:1"}, path: {prefix: /p}}
    directResponse: {status: 201, body: hé}
    ai: {routes: {/v1/chat/completions: completions, "*": passthrough}}
    apiKey:
      mode: strict
      location: {header: {name: X-Key, prefix: "Token "}}
      keys: [{key: s3cret, metadata: {user: a, n: [1]}}, {keyHash: "sha256:${hash}", allowedModels: ["gpt-*"]}]
    timeout: {requestTimeout: 1m, backendRequestTimeout: 500ms}
    retry: {attempts: 3, backoff: 25ms, codes: [502, 503, 502]}`;
  expect(ofKind(text, 'route')[0]!.policies).toEqual([
    {
      kind: 'requestHeaderModifier',
      spec: {
        add: [
          ['x-a', '1'],
          ['b', '2'],
        ],
        set: [['c', '3']],
        remove: ['x-d'],
      },
    },
    { kind: 'responseHeaderModifier', spec: { add: [], set: [], remove: ['server'] } },
    { kind: 'urlRewrite', spec: { authority: { full: 'a:1' }, path: { prefix: '/p' } } },
    { kind: 'directResponse', spec: { status: 201, body: Buffer.from('hé').toString('base64') } },
    { kind: 'ai', spec: { routes: { '/v1/chat/completions': 'completions', '*': 'passthrough' } } },
    {
      kind: 'apiKey',
      spec: {
        mode: 'strict',
        location: { header: { name: 'x-key', prefix: 'Token ' } },
        defaultLocation: false,
        keys: [
          { sha256: createHash('sha256').update('s3cret').digest('hex'), metadata: { user: 'a', n: [1] } },
          { sha256: hash.toLowerCase(), allowedModels: ['gpt-*'] },
        ],
      },
    },
    { kind: 'timeout', spec: { requestTimeout: 60_000, backendRequestTimeout: 500 } },
    { kind: 'retry', spec: { attempts: 3, backoff: 25, codes: [502, 503] } },
  ]);
});

test('header names that differ in case only are both added', () => {
  const text =
    'gateways: {default: {port: 1}}\nroutes: [{policies: {requestHeaderModifier: {add: {X-A: "1", x-a: "2"}}}}]';
  expect(ofKind(text, 'route')[0]!.policies[0]).toMatchObject({
    spec: {
      add: [
        ['x-a', '1'],
        ['x-a', '2'],
      ],
    },
  });
});

test('a slip that is made a thousand times is not told a thousand times', () => {
  const lines = refused(`gateways: {default: {port: 1}}\nroutes: [${'{nmae: x},'.repeat(1000)}]`);
  expect(lines).toHaveLength(101);
  expect(lines.at(-1)).toBe('and 900 more errors');
});

test('whatever is written, the answer is a configuration or errors with places, never an exception', () => {
  const valid = `config: {adminAddr: "localhost:1", workerThreads: 2, session: {key: ${'ab'.repeat(32)}}}
gateways:
  default: {port: $PORT, apiKey: {keys: [{key: k, metadata: {a: [1]}}]}}
routes:
- &r
  name: "a"
  matches: [{path: {regex: "/a.*"}, headers: [{name: x, value: {exact: y}}]}]
  policies: {timeout: {requestTimeout: 1s}, retry: {codes: [503]}, urlRewrite: {path: {prefix: /}}}
  backends: [{host: "h:80", weight: 2}, {backend: b}, {ai: {name: p, provider: {openAI: {}}}}]
backends: [{name: b, host: "[::1]:80", policies: {backendAuth: {key: {file: f}}, backendTLS: {}}}]
`;
  const files = { '/etc/gateway/f': 'secret' };
  expect(load(valid, { PORT: '80' }, files).ok).toBe(true);
  const piece = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ':',
    ': ',
    '\n',
    '- ',
    '"',
    "'",
    '*r',
    '&x ',
    '$',
    '$X',
    '<<',
    '~',
    '1',
    'null',
    '!t ',
    '?',
    '#',
    '|',
    '\t',
    '\0',
    'é',
  );
  const edit = fc.record({ at: fc.nat(valid.length), cut: fc.nat(12), insert: fc.array(piece, { maxLength: 3 }) });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      let text = valid;
      for (const { at, cut, insert } of edits) text = text.slice(0, at) + insert.join('') + text.slice(at + cut);
      const result = load(text, { PORT: '80' }, files);
      if (result.ok) return;
      expect(result.errors.length).toBeGreaterThan(0);
      for (const error of result.errors) {
        expect(error.line).toBeGreaterThan(0);
        expect(error.column).toBeGreaterThan(0);
        expect(error.message).not.toMatch(/\n|Invalid input|TypeError/);
      }
    }),
    { numRuns: 400, seed: 7 },
  );
});

test('defaults of policies', () => {
  const text =
    'gateways: {default: {port: 1}}\nroutes: [{policies: {retry: {codes: []}, apiKey: {keys: []}, timeout: {}, directResponse: {status: 204, body: [1, 255]}}}]';
  expect(ofKind(text, 'route')[0]!.policies).toEqual([
    { kind: 'directResponse', spec: { status: 204, body: Buffer.from([1, 255]).toString('base64') } },
    {
      kind: 'apiKey',
      spec: {
        mode: 'optional',
        location: { header: { name: 'authorization', prefix: 'Bearer ' } },
        defaultLocation: true,
        keys: [],
      },
    },
    { kind: 'timeout', spec: {} },
    { kind: 'retry', spec: { attempts: 1, backoff: 0, codes: [] } },
  ]);
});

test('policies of listeners stand beside the tree', () => {
  const apiKey = 'apiKey: {keys: []}';
  const text = `gateways: {g: {port: 1, ${apiKey}}, m: {port: 2, listeners: [{name: l, ${apiKey}}]}}
binds: [{port: 3, listeners: [{routes: [], policies: {${apiKey}}}]}]
frontendPolicies: {http: {maxBufferSize: 20, http1IdleTimeout: 1s, http1HeaderCase: preserve}, tcp: {keepalives: {retries: 2}}}`;
  const gateway = { name: 'default', namespace: 'default' };
  expect(ofKind(text, 'policy').map(({ key, target, policy }) => [key, target, policy.family])).toEqual([
    [
      'listener/default/default/bind/3/listener0/0',
      { gateway: { ...gateway, listener: 'listener0', port: 3 } },
      'traffic',
    ],
    ['gateway/g/0', { gateway: { ...gateway, listener: 'g' } }, 'traffic'],
    ['gateway/m/l/0', { gateway: { ...gateway, listener: 'm/l' } }, 'traffic'],
    ['frontend/http', { gateway }, 'frontend'],
    ['frontend/tcp', { gateway }, 'frontend'],
  ]);
  expect(
    ofKind(text, 'policy')
      .map(({ policy }) => policy.policy)
      .slice(-2),
  ).toEqual([
    { kind: 'http', spec: { maxBufferSize: 20, http1IdleTimeout: 1000, http1HeaderCase: 'preserve' } },
    { kind: 'tcp', spec: { keepalives: { enabled: true, time: 180_000, interval: 180_000, retries: 2 } } },
  ]);
});

test('matches and kinds of backends', () => {
  const text = `gateways: {default: {port: 1}}
routes:
- hostnames: ["*.Example.com", api.example.org.]
  matches:
  - {path: {exact: /a}, method: GET, headers: [{name: X-H, value: {regex: "a|b"}}, {name: ":path", value: invalid}], query: [{name: Q, value: {exact: "1"}}]}
  - {path: {regex: "/r.*"}}
  - {path: invalid}
  - {}
  backends: [{dynamic: {}, weight: 0}, {invalid: null}, {host: "unix:/run/a.sock"}]
- matches: []`;
  const [first, second] = ofKind(text, 'route');
  expect(first!.hostnames).toEqual(['*.example.com', 'api.example.org']);
  expect(first!.matches).toEqual([
    {
      path: { exact: '/a' },
      method: 'GET',
      headers: [
        { name: 'x-h', value: { regex: 'a|b' } },
        { name: ':path', value: { invalid: true } },
      ],
      query: [{ name: 'Q', value: { exact: '1' } }],
    },
    { path: { regex: '/r.*' }, headers: [], query: [] },
    { path: { invalid: true }, headers: [], query: [] },
    { path: { pathPrefix: '/' }, headers: [], query: [] },
  ]);
  expect(first!.backends.map(({ weight, target }) => [weight, target])).toEqual([
    [0, { backend: '/gateway/default/default/route0/backend0' }],
    [1, { invalid: true }],
    [1, { backend: '/gateway/default/default/route0/backend2' }],
  ]);
  expect(ofKind(text, 'backend').map((backend) => backend.target)).toEqual([
    { type: 'dynamic' },
    { type: 'host', address: { path: '/run/a.sock' } },
  ]);
  expect(second!.matches).toEqual([]);
});

test('ai backends: one provider, or groups', () => {
  const text = `backends:
- name: one
  ai: {name: p, provider: {openAI: {model: m}}, hostOverride: "localhost:1", pathPrefix: /v2, policies: {backendAuth: {key: {value: k, location: {header: {name: Api-Key}}}}}}
- name: many
  ai: {groups: [{providers: [{name: a, provider: {openAI: {}}}, {name: b, provider: {openAI: null}}]}, {providers: [{name: c, provider: {openAI: {}}, pathOverride: /x}]}]}`;
  const result = load(text.replace('openAI: null', 'openAI: {}'));
  expect(result.ok && result.resources.map((resource) => resource.kind === 'backend' && resource.target)).toEqual([
    {
      type: 'ai',
      groups: [
        [
          {
            name: 'p',
            provider: { type: 'openAI', model: 'm' },
            hostOverride: { host: 'localhost', port: 1 },
            pathPrefix: '/v2',
            policies: [
              {
                kind: 'backendAuth',
                spec: { key: { value: { $secret: 'k' }, location: { header: { name: 'api-key' } } } },
              },
            ],
          },
        ],
      ],
    },
    {
      type: 'ai',
      groups: [
        [
          { name: 'a', provider: { type: 'openAI' }, policies: [] },
          { name: 'b', provider: { type: 'openAI' }, policies: [] },
        ],
        [{ name: 'c', provider: { type: 'openAI' }, pathOverride: '/x', policies: [] }],
      ],
    },
  ]);
});

test('null is absent where a field may be left out', () => {
  expect(
    loaded(
      'config: null\ngateways: {g: {port: 1, tls: null, protocol: null, apiKey: null, cors: null}}\nroutes: [{gateways: g, name: null, policies: null, matches: [{method: null}]}]',
    ).resources,
  ).toHaveLength(3);
});

test('$schema at the root is dropped', () => {
  expect(loaded('{"$schema": "https://example.com/schema.json"}').resources).toEqual([]);
});

test('CFG-23: variables in secrets, numbers and names', () => {
  verifies('CFG-23');
  const env = { KEY: '12345', PORT: '8080', HOST: 'h:80' };
  const text =
    'gateways: {default: {port: $PORT}}\nroutes: [{name: $KEY, policies: {backendAuth: {key: $KEY}}, backends: [{host: $HOST}]}]';
  const { resources } = loaded(text, env);
  expect(resources.find((resource) => resource.kind === 'bind')).toMatchObject({ port: 8080 });
  const route = resources.find((resource) => resource.kind === 'route')!;
  expect(route.name.name).toBe('12345');
  expect(route.backends[0]!.policies).toEqual([
    { kind: 'backendAuth', spec: { key: { value: { $secret: '12345' } } } },
  ]);
});

test('secrets from files are trimmed and the files are to be watched, also missing ones', () => {
  const text = 'backends: [{name: a, host: "h:80", policies: {backendAuth: {key: {file: k}}}}]';
  const result = loaded(text, {}, { '/etc/gateway/k': '  s3cret\n' });
  expect(result.resources[0]).toMatchObject({ policies: [{ spec: { key: { value: { $secret: 's3cret' } } } }] });
  const sha256 = createHash('sha256').update('  s3cret\n').digest('hex');
  expect(result.files).toEqual([{ path: '/etc/gateway/k', sha256 }]);
  expect(load(text)).toMatchObject({ ok: false, files: [{ path: '/etc/gateway/k', sha256: null }] });
});

test('no message shows a secret or what came from the environment', () => {
  const text = `config: {session: {key: TOPSECRET}}
gateways: {default: {port: $P}}
routes:
- policies:
    apiKey: {keys: [{key: [TOPSECRET], keyHash: TOPSECRET}, TOPSECRET, {allowedModels: TOPSECRET}]}
    backendAuth: {key: {value: {file: TOPSECRET}, location: TOPSECRET}}
    requestHeaderModifier: {set: {authorization: {x: TOPSECRET}, b: "TOPSECRET\\n"}}
    urlRewrite: $P
  gateways: $P
  matches: [{path: {regex: $R}}]
  backends: [{host: $P, policies: {backendAuth: [TOPSECRET]}}, {backend: $P}]
- policies: {backendAuth: {key: "TOPSECRET\\n\\u0001"}}
backends: [{name: a, host: "h:80", policies: {backendAuth: TOPSECRET}}]`;
  const env = { P: 'TOPSECRET', R: '(TOPSECRET', SESSION_KEY: 'TOPSECRET' };
  const first = refused(text, env);
  expect(first.length).toBeGreaterThan(10);
  expect(first.join('\n')).not.toContain('TOPSECRET');

  const later = refused(
    `gateways: {default: {port: 1}}\nroutes:\n- {gateways: $P, matches: [{path: {regex: $R}}]}\n- {backends: [{backend: $P}], policies: {backendAuth: {key: "TOPSECRET\\u0001"}}}`,
    env,
  );
  expect(later).toHaveLength(5);
  expect(later.join('\n')).not.toContain('TOPSECRET');
});

test('all mistakes at once, in the order of the file', () => {
  const text = `routes:
- policies: {timout: 1, a2a: {}}
  backends: [{host: nope}]
gatewais: {}
config: {dns: {edns0: 1}}`;
  expect(refused(text).map((line) => line.split(': ').slice(0, 2).join(': '))).toEqual([
    'gateway.yaml:2:14: routes[0].policies.timout',
    'gateway.yaml:2:25: not supported yet',
    'gateway.yaml:3:21: routes[0].backends[0].host',
    'gateway.yaml:4:1: gatewais',
    'gateway.yaml:5:23: config.dns.edns0',
  ]);
});
