import fc from 'fast-check';
import { expect, test } from 'vitest';
import { turn } from '../test-clock.ts';
import { Destination } from './destination.ts';
import { fakePool, Outcome, requestOf } from './test-pool.ts';

/** What may happen; `at` picks who it happens to. */
const event = fc.record({
  kind: fc.constantFrom(
    'send',
    'send',
    'send',
    'connected',
    'connected',
    'refused',
    'answer',
    'answer',
    'abort',
    'die',
    'go away',
    'swept',
  ),
  at: fc.nat({ max: 1_000 }),
});

const shapes = fc.constantFrom(
  { protocol: 'http/1.1' as const, streams: 1, version: 'http1' as const },
  { protocol: 'h2' as const, streams: 3, version: 'http2' as const },
  { protocol: 'http/1.1' as const, streams: 1, version: 'auto' as const },
  { protocol: 'h2' as const, streams: 100, version: 'auto' as const },
);

test('in any order of events every request ends exactly once, and nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 1, maxLength: 80 }),
      shapes,
      fc.option(fc.integer({ min: 1, max: 4 }), { nil: Number.POSITIVE_INFINITY }),
      fc.integer({ min: 1, max: 3 }),
      async (events, shape, maxConnections, addresses) => {
        const hosts = { 'many.test': Array.from({ length: addresses }, (_, i) => `10.0.0.${i + 1}`) };
        const { pool, connector, clock } = fakePool(hosts);
        const destination = new Destination({
          target: { host: 'many.test', port: 443 },
          version: shape.version,
          tls: shape.version === 'auto' ? { options: null, key: '', alpn: null } : null,
          maxConnections,
          connectTimeout: 1e9,
        });
        const outcomes: Outcome[] = [];
        const ends: number[] = [];
        const send = (): void => {
          const outcome = new Outcome();
          const index = outcomes.push(outcome) - 1;
          ends.push(0);
          pool.send(requestOf(), destination, { abort: outcome.abort }).then(
            (answer) => {
              outcome.answer = answer;
              ends[index] = (ends[index] ?? 0) + 1;
            },
            (error) => {
              outcome.error = error;
              ends[index] = (ends[index] ?? 0) + 1;
            },
          );
        };
        const pick = <T>(list: readonly T[], at: number): T | undefined => list[at % Math.max(1, list.length)];
        const check = (): void => {
          const { idle, active, connecting, pending, inFlight } = pool.counters();
          for (const counter of [idle, active, connecting, pending, inFlight])
            expect(counter).toBeGreaterThanOrEqual(0);
          const sent = connector.made.reduce((sum, connection) => sum + connection.taken.length, 0);
          // Who is not answered waits or was sent, and nobody is at two places.
          expect(pending + sent).toBe(inFlight);
          expect(inFlight).toBe(outcomes.filter((outcome) => outcome.state === 'open').length);
          // Nobody waits while there is room, or without a connect on its way or a bound that forbids one.
          if (pending > 0) expect(connecting > 0 || active >= maxConnections).toBe(true);
          if (connecting === 0) expect(idle === 0 || pending === 0 || addresses > 1).toBe(true);
        };
        const busy = () => connector.made.filter((connection) => connection.taken.length > 0);
        for (const { kind, at } of events) {
          if (kind === 'send') send();
          else if (kind === 'connected') await pick(connector.waiting, at)?.succeed(shape.protocol, shape.streams);
          else if (kind === 'refused') await pick(connector.waiting, at)?.fail(new Error('refused'));
          else if (kind === 'answer') pick(busy(), at)?.answer();
          else if (kind === 'abort') pick(outcomes, at)?.abort.abort(new Error('left'));
          else if (kind === 'die')
            pick(
              connector.made.filter((connection) => connection.usable),
              at,
            )?.die();
          else if (kind === 'go away')
            pick(
              connector.made.filter((connection) => connection.usable),
              at,
            )?.goAway();
          else await clock.advance(45_000);
          await turn();
          check();
        }
        // Whatever is open can be brought to its end.
        for (let rounds = 0; pool.counters().inFlight > 0; rounds++) {
          expect(rounds).toBeLessThan(1_000);
          for (const dial of connector.waiting) await dial.succeed(shape.protocol, shape.streams);
          for (const connection of busy()) connection.answer();
          await turn();
        }
        expect(new Set(ends)).toEqual(new Set(outcomes.length === 0 ? [] : [1]));
        for (const dial of connector.waiting) await dial.succeed(shape.protocol, shape.streams);
        await clock.advance(200_000);
        expect(pool.counters()).toEqual({ idle: 0, active: 0, connecting: 0, pending: 0, inFlight: 0 });
        expect(
          connector.made.every((connection) => connection.closed || connection.destroyed || !connection.usable),
        ).toBe(true);
        expect(clock.pending).toBe(0);
      },
    ),
    { seed: 42, numRuns: 400 },
  );
});
