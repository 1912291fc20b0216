import { Abort, Headers, Request, Response } from '@agentgateway/http';
import { Exchange } from '../packages/gateway/src/pipeline/exchange.ts';
import { Expressions } from '../packages/gateway/src/pipeline/expressions.ts';
import { nobody } from '../packages/gateway/src/pipeline/nobody.ts';
import { RequestRecord } from '../packages/gateway/src/telemetry/record.ts';

/**
 * Prints what an evaluation of typical expressions costs in nanoseconds, as one line of JSON: medians over rounds in which all
 * expressions take turns, so that all see the same machine. The requests differ, as they do in a gateway.
 */
const rounds = 41;
const evaluationsPerRound = 50_000;

const expressions: Readonly<Record<string, string>> = {
  'header equality and startsWith': 'request.headers["x-env"] == "internal" && request.path.startsWith("/api/")',
  'in constant list': 'request.method in ["GET", "HEAD", "POST"]',
  'in and exists over a list': '"admin" in jwt.roles && jwt.roles.exists(r, r == "admin")',
  'size(headers) > 3': 'size(request.headers) > 3',
  'missing claim': 'jwt.tenant == "acme"',
  'matches, native engine': 'request.path.matches("^/api/v[0-9]+/")',
  'matches, linear engine': 'request.path.matches("(api|v1)+/.*(items|things)$")',
  'claim equality': 'jwt.sub == "ann" && jwt.iss == "https://issuer.test"',
  'source in network': 'cidr("10.0.0.0/8").containsIP(source.address)',
  'status range': 'response.code >= 500u && response.code < 600u',
  'header by name': 'request.headers.accept',
  concatenation: '"user-" + jwt.sub + "@" + request.host',
  'default of a missing claim': 'default(jwt.tenant, "none")',
  'query parameter': 'request.pathAndQuery.query("page") == ["1"]',
};

/** Requests as the pipeline has them: what is measured is what a rule costs there, the making of its variables included. */
const exchanges: Exchange[] = Array.from({ length: 64 }, (_, i) => {
  const headers = Headers.of(
    ['user-agent', 'bench'],
    ['accept', '*/*'],
    ['x-request-id', `id-${i}`],
    ['x-env', 'internal'],
  );
  const path = `/api/v1/service-${i}/items?page=1&size=20`;
  const exchange = new Exchange(
    new Request(i % 3 === 0 ? 'POST' : 'GET', 'http', 'gateway.test', path, 'HTTP/1.1', headers, null),
    nobody,
    { id: i, remoteAddress: `10.1.2.${i}`, remotePort: 1, localAddress: '10.0.0.1', localPort: 2, tls: null },
    new RequestRecord(),
    new Abort(),
    { now: () => 0, epoch: () => 0, monotonic: () => 0n },
  );
  exchange.jwt = {
    claims: { sub: 'ann', iss: 'https://issuer.test', exp: 1_900_000_000, roles: ['user', 'editor', 'admin'] },
    token: 'none',
  };
  exchange.response = new Response(503, new Headers(), null);
  return exchange;
});

const language = new Expressions(undefined, null);
const programs = Object.entries(expressions).map(([name, source]) => {
  return { name, program: language.compile({ $cel: source }), times: [] as number[] };
});

for (let round = 0; round < rounds; round++) {
  for (const { program, times } of programs) {
    let results = 0;
    const start = process.hrtime.bigint();
    for (let i = 0; i < evaluationsPerRound; i++) {
      if (program.evaluate((exchanges[i & 63] as Exchange).variables) !== null) results++;
    }
    times.push(Number(process.hrtime.bigint() - start) / evaluationsPerRound);
    if (results !== evaluationsPerRound) throw new Error('an expression gave null');
  }
}

const median = (times: number[]) => times.sort((a, b) => a - b)[times.length >> 1] as number;
console.log(JSON.stringify(Object.fromEntries(programs.map(({ name, times }) => [name, Math.round(median(times))]))));
