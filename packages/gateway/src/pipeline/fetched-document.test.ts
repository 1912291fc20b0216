import { type Body, Headers, type Request, Response } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { TestClock } from '../../../http/src/test-clock.ts';
import type { Callout, CalloutOptions } from './callout.ts';
import { GatewayError } from './errors.ts';
import { FetchedDocument } from './fetched-document.ts';

type Given = { status?: number; headers?: [string, string][]; body?: Body } | Error | 'hang';

/** A document whose server answers what it is told to. */
class Fixture {
  readonly clock = new TestClock();
  readonly requests: Request[] = [];
  readonly aborts: CalloutOptions['abort'][] = [];
  readonly lines: string[] = [];
  readonly document: FetchedDocument<{ readonly text: string }>;
  #next: Given;

  constructor(first: Given) {
    this.#next = first;
    const callout: Callout = {
      name: 'idp.test:443',
      authority: 'idp.test:443',
      send: (request, options) => {
        this.requests.push(request);
        this.aborts.push(options.abort);
        const given = this.#next;
        if (given === 'hang') return new Promise(() => {});
        if (given instanceof Error) return Promise.reject(given);
        const { status = 200, headers = [], body = null } = given;
        return Promise.resolve(new Response(status, Headers.of(...headers), body));
      },
    };
    const note = (level: string) => (_scope: string, message: string, fields?: object) => {
      this.lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
    };
    const parse = (text: string) => {
      if (!text.startsWith('good')) throw new Error('not good');
      return { text };
    };
    this.document = new FetchedDocument(
      'https://idp.test/keys?secret=1',
      callout,
      { kind: 'Jwks', parse },
      {
        timers: this.clock,
        epoch: () => 0,
        log: { error: note('error'), warn: note('warn'), info: note('info'), debug: note('debug') },
      },
    );
  }

  serve(next: Given): void {
    this.#next = next;
  }

  /** Time passes; gives what the document is then. */
  async after(milliseconds: number): Promise<string | null> {
    await this.clock.advance(milliseconds);
    return this.document.current?.text ?? null;
  }
}

const text = (body: string, ...headers: [string, string][]): Given => ({ body: Buffer.from(body), headers });

const broken: [why: string, given: Given][] = [
  ['status 500', { status: 500 }],
  ['status 302', { status: 302, headers: [['location', 'https://elsewhere.test/']] }],
  ['status 204', { status: 204 }],
  ['it is encoded as gzip, which was not asked for', text('good', ['content-encoding', 'gzip'])],
  ['it is larger than 1048576 bytes', { body: Buffer.alloc(1024 * 1024 + 1, 'good') }],
  ['it is not text in UTF-8', { body: Buffer.from([0x67, 0xff]) }],
  ['not good', text('<html>TOPSECRET</html>')],
  [
    'upstream call failed: Connect: refused',
    new GatewayError('upstreamCallFailed', { detail: 'Connect', logDetail: 'refused' }),
  ],
  ['no whole answer within 10 seconds', 'hang'],
  [
    'no whole answer within 10 seconds',
    { body: { length: undefined, read: () => {}, pause: () => {}, resume: () => {}, cancel: () => {} } },
  ],
];

test.each(broken)('%s: nothing is there, then it is', async (why, given) => {
  const fixture = new Fixture(given);
  const ready = fixture.document.ready();
  expect(ready).toBeInstanceOf(Promise);
  expect(await fixture.after(10_000)).toBeNull();
  await ready;
  expect([fixture.document.failure, fixture.document.ready()]).toEqual([why, null]);
  fixture.serve(text('good 1'));
  expect(await fixture.after(15_000)).toBe('good 1');
  expect(fixture.document.failure).toBeNull();
  expect(fixture.requests).toHaveLength(2);
});

test.each(broken)('%s: what was there before stays', async (_why, given) => {
  const fixture = new Fixture(text('good 1'));
  await fixture.document.ready();
  const before = fixture.document.current;
  fixture.serve(given);
  await fixture.after(900_000 + 10_000);
  expect(fixture.requests).toHaveLength(2);
  expect(fixture.document.failure).not.toBeNull();
  expect(fixture.document.current).toBe(before);
});

test('what is fetched is asked for as it should be', async () => {
  const fixture = new Fixture(text('good'));
  await fixture.document.ready();
  const [request] = fixture.requests;
  expect(request).toMatchObject({ method: 'GET', scheme: 'https', authority: 'idp.test', path: '/keys?secret=1' });
  expect(request?.headers.get('accept')).toBe('application/json');
});

test('it is fetched again when its time is over, and is the same object while its content is', async () => {
  const fixture = new Fixture(text('good 1', ['cache-control', 'max-age=120']));
  await fixture.document.ready();
  const first = fixture.document.current;
  await fixture.after(119_999);
  expect(fixture.requests).toHaveLength(1);
  await fixture.after(1);
  expect(fixture.requests).toHaveLength(2);
  expect(fixture.document.current).toBe(first);
  fixture.serve(text('good 2'));
  expect(await fixture.after(120_000)).toBe('good 2');
  expect(await fixture.after(899_999)).toBe('good 2');
  expect(fixture.requests).toHaveLength(3);
});

test('an outage is told once, its end too, and no line holds the query or the content', async () => {
  const fixture = new Fixture({ status: 500 });
  await fixture.after(0);
  fixture.serve(text('TOPSECRET'));
  await fixture.after(60_000);
  fixture.serve(text('good'));
  await fixture.after(15_000);
  const url = '"url":"https://idp.test/keys"';
  expect(fixture.lines).toEqual([
    `warn a document cannot be fetched; there is none to use {${url},"error":"status 500"}`,
    `info a document can be fetched again {${url}}`,
  ]);
  fixture.serve(new Error('gone'));
  await fixture.after(900_000);
  expect(fixture.lines[2]).toBe(
    `warn a document cannot be fetched; the one from before stays in use {${url},"error":"gone"}`,
  );
});

test('a newer one can be asked for, but not at every request', async () => {
  const fixture = new Fixture(text('good 1'));
  await fixture.document.ready();
  expect(fixture.document.refetch()).toBeNull();
  await fixture.after(9_999);
  expect(fixture.document.refetch()).toBeNull();
  await fixture.after(1);
  fixture.serve(text('good 2'));
  const refetched = fixture.document.refetch();
  // Who comes meanwhile waits for the same.
  expect(fixture.document.refetch()).toBe(refetched);
  await refetched;
  expect(fixture.document.current?.text).toBe('good 2');
  expect(fixture.document.refetch()).toBeNull();
  expect(fixture.requests).toHaveLength(2);
  // The timer of the first fetch is not left behind.
  expect(fixture.clock.pending).toBe(1);
});

test('closed, it leaves nothing behind', async () => {
  const idle = new Fixture(text('good'));
  await idle.document.ready();
  idle.document.close();
  expect(idle.clock.pending).toBe(0);
  expect(idle.document.refetch()).toBeNull();

  const busy = new Fixture('hang');
  busy.document.close();
  await busy.after(0);
  expect(busy.aborts[0]?.reason).not.toBeNull();
  expect([busy.clock.pending, busy.lines]).toEqual([0, []]);
});
