import { Headers } from '@agentgateway/http';
import type { Route } from '../../model.ts';
import { compileRoutes, type RouteQuery } from '../index.ts';

/**
 * Prints what a look-up costs with 10 and with 5,000 routes, as one line of JSON: the median over rounds that alternate
 * between the two, so that both see the same machine. Half of the routes are exact paths, half prefixes; a tenth ask for a
 * method; all requests but the last kind match.
 */
const rounds = 31;
const lookupsPerRound = 100_000;

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
        path: i % 2 === 0 ? { exact: `/v1/service-${i}/items` } : { pathPrefix: `/v1/service-${i}` },
        ...(i % 10 === 0 ? { method: 'GET' } : {}),
        headers: [],
        query: [],
      },
    ],
    backends: [],
    policies: [],
  }));
}

/** The same number of requests for either size, so that the texts asked for weigh the same in the caches. */
function requests(count: number): RouteQuery[] {
  const headers = Headers.of(['accept', '*/*'], ['user-agent', 'bench']);
  return Array.from({ length: 1_000 }, (_, n) => {
    const i = Math.floor((n * count) / 1_000);
    const path = i % 2 === 0 ? `/v1/service-${i}/items?page=${n}` : `/v1/service-${i}/items/${n}`;
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

const sizes = [10, 5_000].map((count) => ({
  count,
  table: compileRoutes(table(count)),
  samples: requests(count),
  results: [] as number[],
}));
for (let round = 0; round < rounds + 3; round++) {
  for (const size of sizes) {
    const result = run((request) => size.table.find(request), size.samples);
    // The first rounds warm the compiler up.
    if (round >= 3) size.results.push(result);
  }
}
const [small, large] = sizes.map(({ results }) => median(results)) as [number, number];
console.log(
  JSON.stringify({
    bench: 'route-lookup',
    ns10: Number(small.toFixed(1)),
    ns5000: Number(large.toFixed(1)),
    ratio: Number((large / small).toFixed(3)),
  }),
);
