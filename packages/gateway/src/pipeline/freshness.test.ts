import { Headers } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { timeToLive } from './freshness.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const at = (seconds: number) => new Date(NOW + seconds * 1000).toUTCString();

test.each<[seconds: number, headers: [string, string][]]>([
  [900, []],
  [600, [['cache-control', 'public, max-age=600']]],
  [600, [['Cache-Control', 'Max-Age="600"']]],
  [
    600,
    [
      ['cache-control', 'public'],
      ['cache-control', 'max-age=600'],
    ],
  ],
  [60, [['cache-control', 'max-age=5']]],
  [60, [['cache-control', 'max-age=0, must-revalidate']]],
  [86_400, [['cache-control', 'max-age=31536000']]],
  [86_400, [['cache-control', 'max-age=999999999999999']]],
  [900, [['cache-control', 'no-cache, max-age=600']]],
  [
    900,
    [
      ['cache-control', 'max-age=600'],
      ['cache-control', 'no-store'],
    ],
  ],
  [900, [['cache-control', 'max-age=soon']]],
  [900, [['cache-control', 'max-age=-1']]],
  [900, [['cache-control', 's-maxage=600']]],
  [300, [['expires', at(300)]]],
  [
    200,
    [
      ['expires', at(300)],
      ['date', at(100)],
    ],
  ],
  [
    300,
    [
      ['expires', at(300)],
      ['cache-control', 'no-cache'],
    ],
  ],
  [
    600,
    [
      ['expires', at(300)],
      ['cache-control', 'max-age=600'],
    ],
  ],
  [60, [['expires', '0']]],
  [60, [['expires', at(-1)]]],
])('%d seconds: %j', (seconds, headers) => {
  expect(timeToLive(Headers.of(...headers), NOW)).toBe(seconds * 1000);
});
