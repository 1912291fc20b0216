import { Headers } from '@agentgateway/http';
import type { Route } from '../packages/gateway/src/resources/model.ts';
import { compileRoutes, type RouteQuery } from '../packages/gateway/src/resources/routing/index.ts';

/**
 * Prints what a look-up costs with 10 and with 5,000 routes, as one line of JSON: medians over rounds that alternate between
 * the sizes, so that all see the same machine. Half of the routes are exact paths, half prefixes; a tenth ask for a method.
 *
 * `hot` asks for ten of the routes, `spread` for a thousand different ones: the difference between these two is what the
 * processor's caches cost, not the number of routes.
 */
const rounds = 31;
const lookupsPerRound = 100_000;

/** Of one width, so that no table has longer paths to hash than the other. */
function number(i: number): string {
  return String(i).padStart(4, '0');
}

function table(count: number): Route[] {
  return Array.from({ length: count }, (_, i) => ({
    kind: 'route',
    key: `route${i}`,
    listener: '',
    name: { namespace: '', name: `route${i}` },
    order: i,
    hostnames: [],
    matches: [
      {
        path: i % 2 === 0 ? { exact: `/v1/service-${number(i)}/items` } : { pathPrefix: `/v1/service-${number(i)}` },
        ...(i % 10 === 0 ? { method: 'GET' } : {}),
        headers: [],
        query: [],
      },
    ],
    backends: [],
    policies: [],
  }));
}

/** As many requests for every size, over `distinct` of its routes. */
function requests(count: number, distinct: number): RouteQuery[] {
  const headers = Headers.of(['accept', '*/*'], ['user-agent', 'bench']);
  return Array.from({ length: 1_000 }, (_, n) => {
    // Exact paths and prefixes in turn, whatever the step.
    const i = Math.floor(((n % distinct) * count) / distinct / 2) * 2 + (n % 2);
    const path = i % 2 === 0 ? `/v1/service-${number(i)}/items?page=${n}` : `/v1/service-${number(i)}/items/${n}`;
    return { host: 'gateway.test', authority: 'gateway.test', scheme: 'http', method: 'GET', path, headers };
  });
}

/** Nanoseconds per look-up. */
function run(find: (request: RouteQuery) => unknown, samples: readonly RouteQuery[]): number {
  let found = 0;
  const start = process.hrtime.bigint();
  for (let i = 0; i < lookupsPerRound; i++) {
    if (find(samples[i % samples.length] as RouteQuery) !== null) found++;
  }
  const elapsed = Number(process.hrtime.bigint() - start);
  if (found !== lookupsPerRound) throw new Error(`${lookupsPerRound - found} requests found no route`);
  return elapsed / lookupsPerRound;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

const small = compileRoutes(table(10));
const large = compileRoutes(table(5_000));
const cases = [
  { table: small, samples: requests(10, 10), results: [] as number[] },
  { table: large, samples: requests(5_000, 10), results: [] as number[] },
  { table: large, samples: requests(5_000, 1_000), results: [] as number[] },
];
for (let round = 0; round < rounds + 3; round++) {
  for (const { table: routes, samples, results } of cases) {
    const result = run((request) => routes.find(request), samples);
    // The first rounds warm the compiler up.
    if (round >= 3) results.push(result);
  }
}
const [at10, hot, spread] = cases.map(({ results }) => median(results)) as [number, number, number];
const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));
console.log(
  JSON.stringify({
    bench: 'route-lookup',
    unit: 'ns',
    at10: rounded(at10, 1),
    at5000: { hot: rounded(hot, 1), spread: rounded(spread, 1) },
    ratio: { hot: rounded(hot / at10, 3), spread: rounded(spread / at10, 3) },
  }),
);
