import { type Body, collect, Headers, Response } from '@agentgateway/http';
import { type ProcessingResponse, ProcessingResponseSchema } from '@agentgateway/protos';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AnsweredEarly } from '../../pipeline/answered-early.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import type { StepResult } from '../../pipeline/step.ts';
import type { GrpcCallout } from '../grpc-callout.ts';
import { noPorts, testExchange } from '../testing.ts';
import type { ProcessingRequestInit } from './messages.ts';
import { type Processor, Session } from './session.ts';
import type { BodyMode, ExtProcSpec, Modes } from './spec.ts';
import { Facts } from './values.ts';

type Answer = MessageInitShape<typeof ProcessingResponseSchema>;

/** A stream whose other end says what it was told to, one message whenever it was sent one, and then all of the rest. */
class FakeStream {
  onDrain: (() => void) | null = null;
  full = false;
  readonly sent: ProcessingRequestInit[] = [];
  ended = false;
  cancelled: Error | null = null;
  readonly #answers: Answer[];
  readonly #fails: boolean;
  #wake: (() => void) | null = null;

  constructor(answers: readonly Answer[], fails: boolean) {
    this.#answers = [...answers];
    this.#fails = fails;
  }

  send(message: ProcessingRequestInit): void {
    this.sent.push(message);
  }

  end(): void {
    this.ended = true;
  }

  cancel(reason: Error): void {
    this.cancelled ??= reason;
    this.#wake?.();
  }

  readonly messages = { [Symbol.asyncIterator]: () => this.#messages() };

  async *#messages(): AsyncGenerator<ProcessingResponse> {
    for (const answer of this.#answers) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.cancelled !== null) throw this.cancelled;
      yield create(ProcessingResponseSchema, answer);
    }
    if (this.#fails) throw new GatewayError('upstreamCallFailed');
  }
}

function sessionOf(answers: readonly Answer[], options: Partial<ExtProcSpec> & { body?: Body; fails?: boolean } = {}) {
  const modes: Modes = { headers: true, body: 'fullDuplexStreamed', trailers: true };
  const { body = null, fails = false, ...given } = options;
  const spec: ExtProcSpec = {
    target: { $backend: { backend: '/p' }, policies: [] },
    failureMode: 'failClosed',
    metadataContext: {},
    requestAttributes: {},
    responseAttributes: {},
    request: modes,
    response: modes,
    allowModeOverride: true,
    ...given,
  };
  const stream = new FakeStream(answers, fails);
  const service = { stream: () => stream } as unknown as GrpcCallout;
  const processor: Processor = { spec, service, facts: new Facts(spec, noPorts), log: noPorts.log };
  const exchange = testExchange({ method: 'POST', body });
  return { exchange, stream, session: new Session(exchange, processor) };
}

test('the stream is half closed when nothing more will be sent, and cancelled when the exchange is over', async () => {
  const skipped: Modes = { headers: false, body: 'none', trailers: true };
  const once = sessionOf([{ response: { case: 'requestHeaders', value: {} } }], { response: skipped });
  expect(await once.session.processRequest()).toBeUndefined();
  expect(once.stream.ended).toBe(true);
  const twice = sessionOf([{ response: { case: 'requestHeaders', value: {} } }]);
  expect(await twice.session.processRequest()).toBeUndefined();
  expect([twice.stream.ended, twice.stream.cancelled]).toEqual([false, null]);
  twice.exchange.close(null);
  expect(twice.stream.cancelled).not.toBeNull();
});

test('an exchange that is given up while the processor thinks rejects with the reason', async () => {
  const { exchange, session, stream } = sessionOf([]);
  stream.messages[Symbol.asyncIterator] = () => ({ next: () => new Promise(() => {}) }) as never;
  const result = session.processRequest();
  exchange.close(new Error('left'));
  await expect(result).rejects.toThrow('left');
  expect(stream.cancelled?.message).toBe('left');
});

test('nothing is sent, and no stream opened, where nothing is asked for', () => {
  const nothing: Modes = { headers: false, body: 'none', trailers: false };
  const { session, stream } = sessionOf([], { request: nothing, response: nothing, body: Buffer.from('x') });
  expect(session.processRequest()).toBeUndefined();
  expect(session.processResponse(new Response(200, new Headers(), Buffer.from('y')))).toBeUndefined();
  expect(stream.sent).toEqual([]);
});

const mutation = { setHeaders: [{ header: { key: 'x-a', value: '1' } }], removeHeaders: ['x-b'] };
const sides = ['request', 'response'] as const;
const said: Answer[] = sides.flatMap((side): Answer[] => [
  { response: { case: `${side}Headers`, value: {} } },
  {
    response: { case: `${side}Headers`, value: { response: { headerMutation: mutation } } },
    dynamicMetadata: { a: 1 },
  },
  { response: { case: `${side}Headers`, value: {} }, modeOverride: { requestBodyMode: 2, responseBodyMode: 4 } },
  { response: { case: `${side}Body`, value: {} } },
  {
    response: {
      case: `${side}Body`,
      value: { response: { bodyMutation: { mutation: { case: 'body', value: Buffer.from('b') } } } },
    },
  },
  ...[true, false].map((endOfStream): Answer => {
    const value = { body: Buffer.from('s'), endOfStream };
    return {
      response: {
        case: `${side}Body`,
        value: { response: { bodyMutation: { mutation: { case: 'streamedResponse', value } } } },
      },
    };
  }),
  { response: { case: `${side}Trailers`, value: { headerMutation: mutation } } },
]);
said.push({}, { response: { case: 'immediateResponse', value: { status: { code: 403 } } } });

test('whatever a processor says: every exchange ends, in a way that is defined', async () => {
  const modes = fc.record({
    headers: fc.boolean(),
    body: fc.constantFrom<BodyMode>('none', 'buffered', 'bufferedPartial', 'fullDuplexStreamed'),
    trailers: fc.boolean(),
  });
  const options = fc.record({
    request: modes,
    response: modes,
    failureMode: fc.constantFrom('failClosed' as const, 'failOpen' as const),
    allowModeOverride: fc.boolean(),
    fails: fc.boolean(),
    body: fc.constantFrom(null, Buffer.from('words')),
    early: fc.boolean(),
  });
  const results = new Set<string>();
  await fc.assert(
    fc.asyncProperty(options, fc.array(fc.constantFrom(...said), { maxLength: 6 }), async (given, answers) => {
      const { exchange, session, stream } = sessionOf(answers, given);
      results.add(await outcomeOf(exchange, session, given.early));
      exchange.close(null);
      if (stream.sent.length > 0) expect(stream.ended || stream.cancelled !== null).toBe(true);
      for (const side of sides) expect(endsOf(stream.sent, side)).toBeLessThanOrEqual(1);
      expect(stream.sent.filter(({ protocolConfig }) => protocolConfig !== undefined).length).toBe(
        Math.min(1, stream.sent.length),
      );
    }),
    { numRuns: 1000 },
  );
  expect([...results].sort()).toEqual([
    'request answered',
    'request broken',
    'request failed',
    'response answered',
    'response broken',
    'response failed',
    'whole',
  ]);
});

/** Does with an exchange what the pipeline does. @param upstreamHurries Answers before it has read the request. */
async function outcomeOf(
  exchange: ReturnType<typeof testExchange>,
  session: Session,
  upstreamHurries: boolean,
): Promise<string> {
  const early = await session.processRequest();
  if (early !== undefined) return `request ${named(early)}`;
  const reading = collect(exchange.request.body, 1000);
  reading.catch(() => {});
  try {
    if (!upstreamHurries) await reading;
  } catch {
    const { reason } = exchange.abort;
    expect(reason instanceof AnsweredEarly || reason instanceof GatewayError).toBe(true);
    return 'request broken';
  }
  const response = new Response(200, new Headers(), Buffer.from('answer'));
  exchange.response = response;
  const decided = await session.processResponse(response);
  if (upstreamHurries) await reading.catch(() => {});
  if (decided !== undefined) return `response ${named(decided)}`;
  try {
    await collect(response.body, 1000);
    return 'whole';
  } catch {
    return 'response broken';
  }
}

function named(result: Exclude<StepResult, undefined>): string {
  return result instanceof GatewayError ? 'failed' : 'answered';
}

function endsOf(sent: readonly ProcessingRequestInit[], side: 'request' | 'response'): number {
  return sent.filter(({ request }) => {
    if (request?.case === `${side}Trailers`) return true;
    const whole = request?.case === `${side}Headers` || request?.case === `${side}Body`;
    return whole && (request.value as { endOfStream?: boolean }).endOfStream === true;
  }).length;
}
