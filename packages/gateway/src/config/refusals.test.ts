import { expect, test } from 'vitest';
import { verifies } from '../../test/verifies.ts';
import { notYet } from './schema/not-yet.ts';
import { routePolicySchema } from './schema/policies.ts';
import { rootSchema } from './schema/root.ts';
import { refused } from './testing.ts';

const gateway = 'gateways: {default: {port: 3000}}\n';
const route = (fields: string) => `${gateway}routes:\n- ${fields}\n`;
const policy = (fields: string) => route(`policies: {${fields}}`);
const backend = (fields: string) => route(`backends: [{${fields}}]`);

/** The fields that messages offer: those that are built. */
const offered = (schema: { readonly shape: object }, later: readonly string[]) =>
  Object.keys(schema.shape)
    .filter((name) => !later.includes(name))
    .join(', ');
const ROOT = offered(rootSchema, notYet.root);
const ROUTE_POLICIES = offered(routePolicySchema, notYet.routePolicies);
const DURATION = 'expected a duration as a string such as "5s", "250ms" or "1h30m"';
const TARGET = 'invalid host:port; write host:port, [ipv6]:port or unix:/path';
const ADDRESS = 'expected off, unix:/path, localhost:PORT or IP:PORT';
const LOCATION = 'gateway.yaml:3:';

test.each<[string, string]>([
  // the document
  ['', 'gateway.yaml:1:1: the configuration is empty; the smallest one is {}'],
  ['[]', 'gateway.yaml:1:1: expected an object, got a list'],
  ['{}\n---\n{}', 'gateway.yaml:2:1: only one YAML document is allowed'],
  ['gateways: {}\ngateways: {}', 'gateway.yaml:2:1: repeated key "gateways"'],
  [
    'binds: &b []\n<<: *b',
    'gateway.yaml:2:1: merge keys (<<) are not applied; write the fields out, or use an alias for a whole value',
  ],
  [
    'binds: $NONE',
    'gateway.yaml:1:8: environment variable NONE is not set; set it, give a default with ${NONE:-default}, or write $$ for a dollar sign',
  ],
  // the root
  ['gatways: {}', `gateway.yaml:1:1: gatways: unknown field; allowed: ${ROOT}; did you mean "gateways"?`],
  ['xyzzy: {}', `gateway.yaml:1:1: xyzzy: unknown field; allowed: ${ROOT}`],
  ['binds: null', 'gateway.yaml:1:8: binds: expected a list, got null'],
  ['llm: {models: []}', 'gateway.yaml:1:1: not supported yet: llm'],
  ['a: 1\nmcp: {targets: []}', 'gateway.yaml:2:1: not supported yet: mcp'],
  // config
  [
    'config: {listener: {}}',
    'gateway.yaml:1:10: config.listener: `listener` has been removed; move to `frontendPolicies`',
  ],
  ['config: {database: {url: x}}', 'gateway.yaml:1:10: not supported yet: config.database'],
  ['config: {adminAddr: "15000"}', `gateway.yaml:1:21: config.adminAddr: ${ADDRESS}, not a bare port, got "15000"`],
  [
    'config: {statsAddr: "example.com:1"}',
    'gateway.yaml:1:21: config.statsAddr: expected an IP address or localhost before the port, got "example.com:1"',
  ],
  [
    'config: {workerThreads: "0%"}',
    'gateway.yaml:1:25: config.workerThreads: expected more than 0% and at most 100%, got "0%"',
  ],
  [
    'config: {workerThreads: many}',
    'gateway.yaml:1:25: config.workerThreads: expected auto, a number of threads, or a share of the CPUs such as "50%", got "many"',
  ],
  ['config: {workerThreads: []}', 'gateway.yaml:1:25: config.workerThreads: expected a number or a string, got a list'],
  [
    'config: {dns: {lookupFamily: auto}}',
    'gateway.yaml:1:30: config.dns.lookupFamily: unknown value, got "auto"; allowed: All, Auto, V4Preferred, V4Only, V6Only; did you mean "Auto"?',
  ],
  ['config: {session: {key: abc}}', 'gateway.yaml:1:25: config.session.key: expected 64 hexadecimal digits'],
  ['config: {logging: {database: {}}}', 'gateway.yaml:1:20: not supported yet: config.logging.database'],
  // gateways, binds
  ['gateways: {g: {}}', 'gateway.yaml:1:15: gateways.g.port: is required'],
  [
    'gateways: {g: {port: 70000}}',
    'gateway.yaml:1:22: gateways.g.port: expected an integer from 0 to 65535 (u16), got 70000',
  ],
  [
    'gateways: {g: {port: "80"}}',
    'gateway.yaml:1:22: gateways.g.port: expected an integer from 0 to 65535 (u16), got "80"',
  ],
  [
    'gateways:\n  a: {port: 80}\n  b: {port: 80}',
    'gateway.yaml:3:13: gateways.b.port: port 80 is configured by both gateways.a and gateways.b; binds, llm, and mcp must use unique ports',
  ],
  ['gateways: {g: {port: 80, protocol: TCP}}', 'gateway.yaml:1:36: not supported yet: gateways.g.protocol: TCP'],
  ['gateways: {g: {port: 80, protocol: HTTPS}}', 'gateway.yaml:1:15: gateways.g: protocol HTTPS requires tls'],
  [
    'gateways: {g: {port: 80, protocol: http}}',
    'gateway.yaml:1:36: gateways.g.protocol: unknown value, got "http"; allowed: HTTP, HTTPS, TCP, TLS; did you mean "HTTP"?',
  ],
  [
    'gateways: {g: {port: 80, protocol: HTTP, tls: {cert: c, key: k}}}',
    'gateway.yaml:1:42: gateways.g.tls: protocol HTTP cannot set tls',
  ],
  ['gateways: {g: {port: 80, oidc: {}}}', 'gateway.yaml:1:32: gateways.g.oidc.issuer: is required'],
  [
    'gateways: {g: {port: 80, apiKey: {keys: []}, listeners: [{}]}}',
    'gateway.yaml:1:12: gateways.g: gateways.g cannot set protocol, tls, or policy fields when listeners are configured',
  ],
  ['binds: [{listeners: []}]', 'gateway.yaml:1:9: binds[0]: a bind without a port must set mode: internal'],
  ['binds: [{port: 1}]', 'gateway.yaml:1:9: binds[0].listeners: is required'],
  [
    'binds: [{port: 1, mode: internal, listeners: []}]',
    'gateway.yaml:1:25: not supported yet: binds[0].mode: internal',
  ],
  [
    'binds: [{port: 1, tunnelProtocol: connect, listeners: []}]',
    'gateway.yaml:1:35: not supported yet: binds[0].tunnelProtocol: connect',
  ],
  ['binds: [{port: 1, listeners: [{}]}]', "gateway.yaml:1:31: binds[0].listeners[0]: protocol HTTP requires 'routes'"],
  [
    'binds: [{port: 1, listeners: [{routes: [], protocol: HTTPS}]}]',
    "gateway.yaml:1:31: binds[0].listeners[0]: HTTPS listener requires 'tls'",
  ],
  [
    'binds: [{port: 1, listeners: [{routes: [], hostname: "a b"}]}]',
    'gateway.yaml:1:54: binds[0].listeners[0].hostname: not a host name; write a name, or *.suffix without a port, got "a b"',
  ],
  [
    'binds: [{port: 1, listeners: [{name: x, routes: []}, {name: x, routes: []}]}]',
    'gateway.yaml:1:61: binds[0].listeners[1].name: another listener of this bind has this name, got "x"',
  ],
  // routes
  ['routes: [{}]', 'gateway.yaml:1:10: routes[0]: routes.<unnamed> must set gateways'],
  ['routes: [{name: a, gateways: []}]', 'gateway.yaml:1:10: routes[0]: routes.a must set gateways'],
  [
    route('gateways: defualt'),
    'gateway.yaml:3:13: routes[0].gateways: unknown gateway reference defualt; allowed: default; did you mean "default"?',
  ],
  [
    route('gateways: [5]'),
    'gateway.yaml:3:14: routes[0].gateways[0]: expected a string, which needs quotes here, got 5',
  ],
  [
    route('name: a\n- name: a'),
    'gateway.yaml:4:9: routes[1].name: another route of this listener has this name, got "a"',
  ],
  [
    route('hostnames: ["*"]'),
    'gateway.yaml:3:15: routes[0].hostnames[0]: a route matches any host without hostnames; leave the field out, got "*"',
  ],
  [route('ruleName: r'), 'gateway.yaml:3:3: not supported yet: routes[0].ruleName'],
  [
    route('matches: [{path: {prefix: /}}]'),
    'gateway.yaml:3:21: routes[0].matches[0].path.prefix: unknown field; allowed: exact, pathPrefix, regex',
  ],
  [
    route('matches: [{path: {exact: /a, regex: b}}]'),
    'gateway.yaml:3:14: routes[0].matches[0].path: exactly one of exact, pathPrefix, regex must be set, found exact and regex',
  ],
  [
    route('matches: [{path: {regex: "("}}]'),
    'gateway.yaml:3:28: routes[0].matches[0].path.regex: not a regular expression (missing parenthesis), got "("',
  ],
  [
    route('matches: [{headers: [{name: ":status", value: {exact: "1"}}]}]'),
    'gateway.yaml:3:31: routes[0].matches[0].headers[0].name: not a header name, nor one of :method, :scheme, :authority, :path, got ":status"',
  ],
  [route('matches: [{method: "GET "}]'), 'gateway.yaml:3:22: routes[0].matches[0].method: not a method, got "GET "'],
  // policies
  [
    policy('timout: {}'),
    `${LOCATION}14: routes[0].policies.timout: unknown field; allowed: ${ROUTE_POLICIES}; did you mean "timeout"?`,
  ],
  [policy('mcpAuthentication: {}'), `${LOCATION}14: not supported yet: routes[0].policies.mcpAuthentication`],
  [
    policy('timeout: {requestTimeout: 5}'),
    `${LOCATION}40: routes[0].policies.timeout.requestTimeout: ${DURATION}, got 5`,
  ],
  [
    policy('timeout: {requestTimeout: "5"}'),
    `${LOCATION}40: routes[0].policies.timeout.requestTimeout: missing unit in duration; write for example 5s, 250ms or 1h30m, got "5"`,
  ],
  [
    policy('timeout: {requestTimeout: -1s}'),
    `${LOCATION}40: routes[0].policies.timeout.requestTimeout: negative string not allowed in a duration, got "-1s"`,
  ],
  [
    policy('retry: {attempts: 256, codes: []}'),
    `${LOCATION}32: routes[0].policies.retry.attempts: expected an integer from 1 to 255, got 256`,
  ],
  [policy('retry: {}'), `${LOCATION}21: routes[0].policies.retry.codes: is required`],
  [
    policy('directResponse: {status: 99}'),
    `${LOCATION}39: routes[0].policies.directResponse.status: expected a status from 100 to 999, got 99`,
  ],
  [
    policy('directResponse: {conditional: []}'),
    `${LOCATION}44: routes[0].policies.directResponse.conditional: conditional policies must have at least one entry, got a list`,
  ],
  [
    policy('requestHeaderModifier: {set: {"a b": x}}'),
    `${LOCATION}44: routes[0].policies.requestHeaderModifier.set["a b"]: not a header name`,
  ],
  [
    policy('requestHeaderModifier: {set: {a: "x\\ny"}}'),
    `${LOCATION}47: routes[0].policies.requestHeaderModifier.set.a: not a header value`,
  ],
  [
    policy('urlRewrite: {path: {full: /a, prefix: /b}}'),
    `${LOCATION}27: routes[0].policies.urlRewrite.path: exactly one of full, prefix must be set, found full and prefix`,
  ],
  [
    policy('urlRewrite: {authority: keep}'),
    `${LOCATION}38: routes[0].policies.urlRewrite.authority: expected "auto", "none" or an object, got "keep"`,
  ],
  [
    policy('apiKey: {keys: [{}]}'),
    `${LOCATION}30: routes[0].policies.apiKey.keys[0]: exactly one of key, keyHash must be set`,
  ],
  [
    policy('apiKey: {keys: [{keyHash: "md5:00"}]}'),
    `${LOCATION}40: routes[0].policies.apiKey.keys[0].keyHash: keyHash must use the sha256:<hex> format`,
  ],
  [
    policy('apiKey: {keys: [{keyHash: "sha256:00"}]}'),
    `${LOCATION}40: routes[0].policies.apiKey.keys[0].keyHash: sha256 keyHash must decode to 32 bytes`,
  ],
  [
    policy('apiKey: {keys: [{key: k, allowedModels: [a, "*"]}]}'),
    `${LOCATION}54: routes[0].policies.apiKey.keys[0].allowedModels: allowedModels cannot combine '*' with other values`,
  ],
  [
    policy('ai: {routes: {/v1: chat}}'),
    `${LOCATION}33: routes[0].policies.ai.routes["/v1"]: unknown value, got "chat"; allowed: completions, messages, models, passthrough, detect, responses, embeddings, realtime, anthropicTokenCount, generateContent, geminiCountTokens, rerank`,
  ],
  [policy('backendAuth: copilot'), `${LOCATION}27: not supported yet: routes[0].policies.backendAuth: copilot`],
  [policy('backendAuth: {gcp: {}}'), `${LOCATION}28: not supported yet: routes[0].policies.backendAuth.gcp`],
  [
    policy('backendAuth: {key: {file: /none}}'),
    `${LOCATION}40: routes[0].policies.backendAuth.key.file: cannot read the file (no such file)`,
  ],
  [
    policy('backendTLS: {cert: a.pem}'),
    `${LOCATION}14: routes[0].policies.backendTLS: cert and key must be set together`,
  ],
  [
    policy('backendTLS: {root: ca.pem}'),
    `${LOCATION}33: routes[0].policies.backendTLS.root: cannot read the file (no such file), got "ca.pem"`,
  ],
  // backends
  [
    backend('weight: 1'),
    `${LOCATION}14: routes[0].backends[0]: exactly one of host, backend, ai, dynamic, invalid must be set`,
  ],
  [
    backend('host: "a:1", backend: b'),
    `${LOCATION}14: routes[0].backends[0]: exactly one of host, backend, ai, dynamic, invalid must be set, found host and backend`,
  ],
  [backend('host: localhost'), `${LOCATION}21: routes[0].backends[0].host: ${TARGET}, got "localhost"`],
  [
    backend('hosts: "a:1"'),
    `${LOCATION}15: routes[0].backends[0].hosts: unknown field; allowed: weight, policies, host, backend, ai, dynamic, invalid; did you mean "host"?`,
  ],
  [backend('mcp: {targets: []}'), `${LOCATION}15: not supported yet: routes[0].backends[0].mcp`],
  [backend('dynamic: {target: "1"}'), `${LOCATION}25: not supported yet: routes[0].backends[0].dynamic.target`],
  [
    backend('backend: none'),
    `${LOCATION}24: routes[0].backends[0].backend: no backend of this name in backends, got "none"`,
  ],
  [
    `${backend('backend: /shred')}backends: [{name: shared, host: "a:1"}]`,
    `${LOCATION}24: routes[0].backends[0].backend: no backend of this name in backends, got "/shred"; allowed: shared; did you mean "shared"?`,
  ],
  [
    'backends: [{name: a, host: "a:1"}, {name: a, host: "a:1"}]',
    'gateway.yaml:1:43: backends[1].name: another backend has this name, got "a"',
  ],
  [
    'backends: [{name: a, ai: {name: p, provider: {anthropic: {}}}}]',
    'gateway.yaml:1:47: not supported yet: backends[0].ai.provider.anthropic',
  ],
  [
    'backends: [{name: a, ai: {name: p, provider: {openai: {}}}}]',
    'gateway.yaml:1:47: backends[0].ai.provider.openai: unknown field; allowed: openAI; did you mean "openAI"?',
  ],
  ['backends: [{name: a, ai: {provider: {openAI: {}}}}]', 'gateway.yaml:1:26: backends[0].ai.name: is required'],
  [
    'frontendPolicies: {accessLog: {database: {llm: full}}}',
    'gateway.yaml:1:32: not supported yet: frontendPolicies.accessLog.database',
  ],
  [
    'frontendPolicies: {http: {http1HeaderCase: keep}}',
    'gateway.yaml:1:44: frontendPolicies.http.http1HeaderCase: unknown value, got "keep"; allowed: lowercase, preserve',
  ],
])('%#: %j', (text, message) => {
  verifies('CFG-5', 'CFG-6', 'CFG-7', 'CFG-8', 'CFG-15', 'CFG-17', 'CFG-18', 'CFG-19', 'CFG-22', 'CFG-25', 'CFG-47');
  expect(refused(text)).toContain(message);
});
