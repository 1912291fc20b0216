import { Headers } from '@agentgateway/http';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Action, type Event, type HeaderMutation, Machine, type MachineOptions } from './machine.ts';
import type { BodyMode, Modes } from './spec.ts';

const change: HeaderMutation = { setHeaders: [], removeHeaders: ['x'] };
const trailers = Headers.of(['t', '1']);

function options(body: BodyMode, more: Partial<MachineOptions & Modes> = {}): MachineOptions {
  const { headers = true, trailers: sendTrailers = true, hasBody = true, limit = 8, failOpen = false } = more;
  return { modes: { headers, body, trailers: sendTrailers }, hasBody, limit, failOpen };
}

const modes = (body: BodyMode): Modes => ({ headers: true, body, trailers: true });
const chunk = (text: string): Event => ({ type: 'chunk', bytes: Buffer.from(text) });
const end: Event = { type: 'end', trailers: null };
const endWithTrailers: Event = { type: 'end', trailers };
const headers = (body: BodyMode = 'fullDuplexStreamed', mutation: HeaderMutation | null = null): Event => ({
  type: 'headersAnswer',
  mutation,
  modes: modes(body),
});
const unchanged: Event = { type: 'bodyAnswer', mutation: null, body: null };
const replaced = (text: string, mutation: HeaderMutation | null = null): Event => ({
  type: 'bodyAnswer',
  mutation,
  body: { streamed: false, bytes: Buffer.from(text) },
});
const piece = (text: string, last = false): Event => ({
  type: 'bodyAnswer',
  mutation: null,
  body: { streamed: true, bytes: Buffer.from(text), end: last },
});
const trailersAnswer: Event = { type: 'trailersAnswer', mutation: change };
const lost: Event = { type: 'lost', reason: 'gone', unsent: false };
const unconnected: Event = { type: 'lost', reason: 'gone', unsent: true };
const immediate: Event = { type: 'immediate' };
const broken: Event = { type: 'broken', error: new Error('cut') };
const gone: Event = { type: 'gone' };

/** What is done, as one line for each event. */
function told(given: MachineOptions, ...events: Event[]): string[] {
  const machine = new Machine(given);
  const lines = [machine.start(), ...events.map((event) => machine.on(event))];
  return lines.map((actions) => actions.map(word).join(' '));
}

function word(action: Action): string {
  switch (action.do) {
    case 'sendHeaders':
      return action.endOfStream ? 'headers!' : 'headers';
    case 'sendBody':
      return `body(${action.bytes})${action.endOfStream ? '!' : ''}`;
    case 'sendTrailers':
      return 'trailers!';
    case 'release':
      return `release(${[Buffer.isBuffer(action.body) ? `"${action.body}"` : action.body, action.length].join()})`;
    case 'write':
      return `write(${action.bytes})`;
    case 'end':
      return `end(${[action.trailers === null ? '' : 't', action.mutation === null ? '' : 'm'].join('')})`;
    case 'fail':
    case 'break':
      return `${action.do}(${action.failure.kind === 'processor' ? action.failure.detail : action.failure.kind})`;
    default:
      return action.do;
  }
}

describe('without a body', () => {
  test.each<BodyMode>(['none', 'buffered', 'bufferedPartial', 'fullDuplexStreamed'])('%s', (body) => {
    expect(told(options(body, { hasBody: false }), headers(body, change))).toEqual([
      'headers!',
      'mutate release(source,)',
    ]);
    expect(told(options(body, { hasBody: false, headers: false }))).toEqual(['release(source,)']);
  });
});

describe('none', () => {
  test('the body stays where it is', () => {
    expect(told(options('none'), headers('none'))).toEqual(['headers', 'release(source,)']);
    expect(told(options('none', { headers: false }))).toEqual(['release(source,)']);
  });

  test('an override to any mode begins when the headers are answered', () => {
    expect(told(options('none'), headers('buffered'), chunk('ab'), end, replaced('c'))).toEqual([
      'headers',
      'read',
      '',
      'body(ab)!',
      'release("c",1)',
    ]);
    expect(told(options('none'), headers('fullDuplexStreamed'), chunk('ab'))).toEqual([
      'headers',
      'release(stream,) read',
      'body(ab)',
    ]);
  });
});

describe('buffered', () => {
  test('the body waits for the headers, and goes in one piece', () => {
    expect(told(options('buffered'), headers('buffered', change), chunk('ab'), chunk('cd'), end, unchanged)).toEqual([
      'headers',
      'mutate read',
      '',
      '',
      'body(abcd)!',
      'release("abcd",)',
    ]);
  });

  test('without headers the body goes at once, and its answer changes no headers', () => {
    const skipped = options('buffered', { headers: false });
    expect(told(skipped, chunk('ab'), end, replaced('xyz', change))).toEqual([
      'read',
      '',
      'body(ab)!',
      'tooLate release("xyz",)',
    ]);
  });

  test('an answer may change headers and the body, or take it away', () => {
    const sent = [headers('buffered'), chunk('ab'), end] as const;
    expect(told(options('buffered'), ...sent, replaced('xyz', change))[4]).toBe('mutate release("xyz",3)');
    expect(told(options('buffered'), ...sent, replaced(''))[4]).toBe('release("",0)');
  });

  test('a streamed answer replaces it piece by piece', () => {
    const sent = [headers('buffered'), chunk('ab'), end] as const;
    expect(told(options('buffered'), ...sent, piece('x'), piece('y'), piece('', true)).slice(4)).toEqual([
      'release(stream,) write(x)',
      'write(y)',
      'end()',
    ]);
    expect(told(options('buffered'), ...sent, piece('x', true))[4]).toBe('release(stream,) write(x) end()');
  });

  test('trailers are the end that the processor sees, and wait for their answer', () => {
    const sent = [headers('buffered'), chunk('ab'), endWithTrailers] as const;
    expect(told(options('buffered'), ...sent, unchanged, trailersAnswer).slice(3)).toEqual([
      'body(ab) trailers!',
      'release(stream,) write(ab)',
      'end(tm)',
    ]);
    expect(told(options('buffered'), ...sent, unchanged, lost).slice(5)).toEqual(['break(gone)']);
    expect(told(options('buffered'), ...sent, trailersAnswer)[4]).toMatch(/^dismiss fail\(/);
    expect(told(options('buffered'), ...sent, piece('x'), trailersAnswer).slice(4)).toEqual([
      'release(stream,) write(x)',
      'end(tm)',
    ]);
  });

  test('trailers that are not sent go on as they came', () => {
    const skipped = options('buffered', { trailers: false });
    const answer: Event = { type: 'headersAnswer', mutation: null, modes: { ...modes('buffered'), trailers: false } };
    expect(told(skipped, answer, chunk('ab'), endWithTrailers, unchanged).slice(3)).toEqual([
      'body(ab)!',
      'release(stream,) write(ab) end(t)',
    ]);
  });

  test('a body over the limit is an error', () => {
    expect(told(options('buffered'), headers('buffered'), chunk('12345678'), chunk('9')).slice(2)).toEqual([
      '',
      'cancel fail(tooLarge)',
    ]);
  });

  test('an empty body is a body', () => {
    expect(told(options('buffered'), headers('buffered'), end, unchanged).slice(2)).toEqual([
      'body()!',
      'release("",)',
    ]);
  });
});

describe('bufferedPartial', () => {
  const partial = options('bufferedPartial');

  test('a body within the limit is buffered', () => {
    expect(told(partial, headers('bufferedPartial'), chunk('12345678'), end, unchanged).slice(3)).toEqual([
      'body(12345678)!',
      'release("12345678",)',
    ]);
  });

  test('of a longer one the beginning is sent, and the rest goes on behind what becomes of it', () => {
    const sent = [headers('bufferedPartial'), chunk('123456'), chunk('789')] as const;
    expect(told(partial, ...sent, chunk('0'), replaced('x', change), chunk('a'), endWithTrailers)).toEqual([
      'headers',
      'read',
      '',
      'pause body(12345678)',
      '',
      'mutate release(stream,) write(x) write(9) write(0) resume',
      'write(a)',
      'end(t)',
    ]);
    expect(told(partial, ...sent, unchanged).at(-1)).toBe('release(stream,) write(12345678) write(9) resume');
    expect(told(partial, ...sent, end, unchanged).at(-1)).toBe('release(stream,) write(12345678) write(9) end()');
  });

  test("the rest is not the processor's any more", () => {
    const passing = [headers('bufferedPartial'), chunk('123456789'), unchanged] as const;
    for (const event of [lost, immediate, unchanged, headers(), trailersAnswer])
      expect(told(partial, ...passing, event, chunk('z'), end).slice(4)).toEqual(['', 'write(z)', 'end()']);
    expect(told(partial, ...passing, broken).at(-1)).toBe('break(source)');
    expect(told(partial, ...passing, gone).at(-1)).toBe('cancel');
  });
});

describe('fullDuplexStreamed', () => {
  const duplex = options('fullDuplexStreamed');

  test('the body does not wait for the headers, the message does', () => {
    const events = [
      chunk('ab'),
      headers('fullDuplexStreamed', change),
      piece('AB'),
      chunk('cd'),
      end,
      piece('CD', true),
    ];
    expect(told(duplex, ...events)).toEqual([
      'headers read',
      'body(ab)',
      'mutate release(stream,)',
      'write(AB)',
      'body(cd)',
      'body()!',
      'write(CD) end()',
    ]);
  });

  test('without headers nothing waits', () => {
    expect(told(options('fullDuplexStreamed', { headers: false }), chunk('ab'))).toEqual([
      'release(stream,) read',
      'body(ab)',
    ]);
  });

  test('an active stream keeps its mode', () => {
    expect(told(duplex, chunk('ab'), headers('none'), chunk('cd')).slice(2)).toEqual(['release(stream,)', 'body(cd)']);
  });

  test('trailers end it', () => {
    expect(told(duplex, headers(), chunk('ab'), endWithTrailers, piece('AB'), trailersAnswer).slice(3)).toEqual([
      'trailers!',
      'write(AB)',
      'end(tm)',
    ]);
    expect(told(duplex, headers(), endWithTrailers, piece('AB', true)).at(-1)).toBe('write(AB) end(t)');
    expect(told(duplex, headers(), end, trailersAnswer).at(-1)).toBe('end()');
    expect(told(duplex, headers(), trailersAnswer).at(-1)).toMatch(/^dismiss cancel break/);
  });

  test('the processor may end it early', () => {
    expect(told(duplex, headers(), chunk('ab'), piece('A', true), chunk('cd'), end).slice(3)).toEqual([
      'write(A) cancel end()',
      '',
      '',
    ]);
    expect(told(duplex, headers(), end, replaced('A')).at(-1)).toBe('write(A) end()');
  });

  test('an answer that has no piece of the stream is none', () => {
    expect(told(duplex, headers(), chunk('ab'), unchanged).at(-1)).toMatch(/^dismiss cancel break\(/);
  });

  test('headers cannot be changed by an answer to the body', () => {
    const late: Event = {
      type: 'bodyAnswer',
      mutation: change,
      body: { streamed: true, bytes: Buffer.from('A'), end: false },
    };
    expect(told(duplex, headers(), chunk('ab'), late).at(-1)).toBe('tooLate write(A)');
  });

  test('a stream that is closed before the body was ended breaks the body', () => {
    expect(told(duplex, headers(), chunk('ab'), end, piece('AB'), lost).at(-1)).toBe('break(gone)');
  });
});

describe('out of order', () => {
  const cases: [name: string, before: Event[], event: Event][] = [
    ['a body before the headers', [], unchanged],
    ['a piece before the headers', [chunk('a')], piece('A')],
    ['trailers before the headers', [], trailersAnswer],
    ['headers twice', [headers('buffered')], headers('buffered')],
    ['a body that was not sent', [headers('buffered')], unchanged],
  ];
  test.each(cases)('%s', (_name, before, event) => {
    const given = options(before.some(({ type }) => type === 'chunk') ? 'fullDuplexStreamed' : 'buffered');
    expect(told(given, ...before, event).at(-1)).toMatch(/^dismiss (cancel )?fail\(the processor answered /);
  });
});

describe('failing open', () => {
  const open = (body: BodyMode, more: Parameters<typeof options>[1] = {}) => options(body, { ...more, failOpen: true });

  test('a message whose body nobody touched goes on as it is', () => {
    expect(told(open('none'), lost).at(-1)).toBe('failOpen release(source,)');
    expect(told(open('buffered'), lost).at(-1)).toBe('failOpen release(source,)');
    expect(told(open('fullDuplexStreamed', { hasBody: false }), lost).at(-1)).toBe('failOpen release(source,)');
  });

  test('so does one that was being held', () => {
    expect(told(open('buffered'), headers('buffered'), chunk('ab'), lost, chunk('cd'), end).slice(3)).toEqual([
      'failOpen release(stream,) write(ab) resume',
      'write(cd)',
      'end()',
    ]);
  });

  test('once a byte was sent it is an error', () => {
    expect(told(open('fullDuplexStreamed'), chunk('ab'), lost).at(-1)).toBe('cancel fail(gone)');
    expect(told(open('buffered'), headers('buffered'), chunk('ab'), end, lost).at(-1)).toBe('fail(gone)');
    expect(told(open('fullDuplexStreamed'), headers(), chunk('ab'), lost).at(-1)).toBe('cancel break(gone)');
  });

  test('unless no connection ever stood', () => {
    expect(told(open('fullDuplexStreamed'), chunk('ab'), unconnected, chunk('cd')).slice(2)).toEqual([
      'failOpen release(stream,) write(ab) resume',
      'write(cd)',
    ]);
    expect(told(open('fullDuplexStreamed'), chunk('ab'), end, unconnected).at(-1)).toBe(
      'failOpen release(stream,) write(ab) end()',
    );
    const long = chunk('x'.repeat(200_000));
    expect(told(open('fullDuplexStreamed'), long, unconnected).at(-1)).toBe('cancel fail(gone)');
    expect(told(open('fullDuplexStreamed', { headers: false }), chunk('ab'), unconnected).at(-1)).toBe(
      'failOpen write(ab) resume',
    );
  });

  test('a message that has gone on without its body', () => {
    expect(told(open('fullDuplexStreamed'), headers(), lost, chunk('ab'), end).slice(2)).toEqual([
      'failOpen resume',
      'write(ab)',
      'end()',
    ]);
  });
});

test('an immediate response takes the place of what is here, and breaks what is on its way', () => {
  expect(told(options('none'), immediate).at(-1)).toBe('answer');
  expect(told(options('fullDuplexStreamed'), chunk('ab'), immediate).at(-1)).toBe('cancel answer');
  expect(told(options('buffered'), headers('buffered'), chunk('ab'), end, immediate).at(-1)).toBe('answer');
  expect(told(options('fullDuplexStreamed'), headers(), chunk('ab'), immediate).at(-1)).toMatch(/^cancel break\(/);
  expect(told(options('none'), headers('none'), immediate).at(-1)).toBe('');
});

test('a message that breaks off fails, or breaks off', () => {
  expect(told(options('fullDuplexStreamed'), chunk('ab'), broken).at(-1)).toBe('fail(source)');
  expect(told(options('buffered'), headers('buffered'), chunk('ab'), broken).at(-1)).toBe('fail(source)');
  expect(told(options('fullDuplexStreamed'), headers(), broken).at(-1)).toBe('break(source)');
});

test('where the next hop wants no more, nothing more is read', () => {
  expect(told(options('fullDuplexStreamed'), headers(), chunk('ab'), gone, piece('AB'), end, lost).slice(3)).toEqual([
    'cancel',
    '',
    '',
    '',
  ]);
});

test('whatever is said in whatever order: one release or one end, one end of stream, and a defined result', () => {
  const bodyModes = fc.constantFrom<BodyMode>('none', 'buffered', 'bufferedPartial', 'fullDuplexStreamed');
  const fromProcessor = fc.oneof(
    bodyModes.map((body) => headers(body)),
    fc.constantFrom(
      unchanged,
      replaced('xyz'),
      piece('p'),
      piece('q', true),
      trailersAnswer,
      immediate,
      lost,
      unconnected,
    ),
  );
  const source = fc.tuple(
    fc.array(fc.constantFrom('', 'a', 'bcd', 'x'.repeat(9)).map(chunk), { maxLength: 4 }),
    fc.constantFrom(end, endWithTrailers, broken, null),
  );
  const given = fc.record({
    body: bodyModes,
    headers: fc.boolean(),
    trailers: fc.boolean(),
    hasBody: fc.boolean(),
    failOpen: fc.boolean(),
  });
  const results = new Set<string>();
  fc.assert(
    fc.property(
      given,
      source,
      fc.array(fromProcessor, { maxLength: 8 }),
      fc.infiniteStream(fc.boolean()),
      (settings, [chunks, last], said, order) => {
        const machine = new Machine(options(settings.body, settings));
        const ledger = new Ledger(settings.hasBody);
        ledger.note(machine.start(), machine);
        const body = [...chunks, ...(last === null ? [] : [last])];
        // A closed stream is the last that is heard.
        const heard = [...said, lost];
        while (heard.length > 0 || (body.length > 0 && ledger.reading)) {
          const fromBody = body.length > 0 && ledger.reading && (heard.length === 0 || order.next().value === true);
          const event = (fromBody ? body.shift() : heard.shift()) as Event;
          if (fromBody && (event.type === 'end' || event.type === 'broken')) ledger.reading = false;
          ledger.note(machine.on(event), machine);
        }
        ledger.settle(machine, last === null);
        results.add(ledger.result);
      },
    ),
    { numRuns: 5000 },
  );
  expect([...results].sort()).toEqual(['answered', 'broken', 'ended', 'failed', 'released', 'waiting']);
});

/** Checks what a machine asks for against the rules that hold for every order. */
class Ledger {
  reading = false;
  result = '';
  #released: 'source' | 'stream' | 'whole' | null = null;
  #over = false;
  #endsOfStream = 0;
  readonly #hasBody: boolean;

  constructor(hasBody: boolean) {
    this.#hasBody = hasBody;
  }

  note(actions: readonly Action[], machine: Machine): void {
    for (const action of actions) this.#one(action);
    expect(machine.held).toBe(this.#released === null);
  }

  #one(action: Action): void {
    switch (action.do) {
      case 'read':
        expect(this.#hasBody).toBe(true);
        this.reading = true;
        return;
      case 'cancel':
        this.reading = false;
        return;
      case 'sendHeaders':
      case 'sendBody':
        expect(this.#endsOfStream).toBe(0);
        if (action.endOfStream) this.#endsOfStream++;
        return;
      case 'sendTrailers':
        expect(this.#endsOfStream).toBe(0);
        this.#endsOfStream++;
        return;
      case 'mutate':
        expect(this.#released).toBeNull();
        return;
      case 'release':
        expect([this.#released, this.#over]).toEqual([null, false]);
        this.#released = Buffer.isBuffer(action.body) ? 'whole' : action.body;
        this.result = 'released';
        if (this.#released !== 'stream') this.#over = true;
        return;
      case 'write':
        expect([this.#released, this.#over]).toEqual(['stream', false]);
        return;
      case 'end':
      case 'break':
        expect([this.#released, this.#over]).toEqual(['stream', false]);
        this.#finish(action.do === 'end' ? 'ended' : 'broken');
        return;
      case 'answer':
      case 'fail':
        expect([this.#released, this.#over]).toEqual([null, false]);
        this.#finish(action.do === 'fail' ? 'failed' : 'answered');
    }
  }

  #finish(result: string): void {
    this.#over = true;
    this.result = result;
  }

  /** The processor is gone: only a body that does not end by itself may still be waited for. */
  settle(machine: Machine, endless: boolean): void {
    expect(machine.over).toBe(true);
    if (this.#over) return;
    expect([this.#released, endless]).toEqual(['stream', true]);
    this.result = 'waiting';
  }
}
