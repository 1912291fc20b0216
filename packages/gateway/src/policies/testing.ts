import { Abort, type Body, Headers, Request } from '@agentgateway/http';
import { Exchange } from '../pipeline/exchange.ts';
import { connectionVariables, Expressions, expressionValues, needsOf } from '../pipeline/expressions.ts';
import type { Clock, Ports } from '../pipeline/step.ts';
import { RequestRecord } from '../telemetry/record.ts';

const stoppedClock: Clock = { now: () => 0, epoch: () => 0, monotonic: () => 0n };

/** A request for tests, as the normalising leaves it. */
export function testRequest(
  options: {
    readonly method?: string;
    readonly scheme?: string;
    readonly authority?: string;
    readonly path?: string;
    readonly headers?: [name: string, value: string][];
    readonly body?: Body;
  } = {},
): Request {
  const {
    method = 'GET',
    scheme = 'http',
    authority = 'gateway.test',
    path = '/',
    headers = [],
    body = null,
  } = options;
  return new Request(method, scheme, authority, path, 'HTTP/1.1', Headers.of(...headers), body);
}

/** An exchange for tests of single steps: nothing stands behind it, time stands still. */
export function testExchange(options: Parameters<typeof testRequest>[0] = {}): Exchange {
  return new Exchange(
    testRequest(options),
    {
      onClosed: null,
      bodyBytes: 0,
      upgradable: false,
      respond() {},
      inform() {},
      upgrade: () => unreachable('upgrade'),
      destroy() {},
    },
    { id: 1, remoteAddress: '127.0.0.1', remotePort: 1, localAddress: '127.0.0.1', localPort: 2, tls: null },
    new RequestRecord(),
    new Abort(),
    stoppedClock,
  );
}

const expressions = new Expressions(undefined, null);

/** Ports that lead nowhere, for steps that need none. */
export const noPorts: Ports = {
  clock: stoppedClock,
  random: () => 0,
  get pool(): Ports['pool'] {
    return unreachable('pool');
  },
  sharedCell: () => unreachable('sharedCell'),
  log: { error() {}, warn() {}, info() {}, debug() {} },
  expression: (expression) => expressions.compile(expression),
  needsOf,
  values: expressionValues,
  connectionVariables,
  callout: () => unreachable('callout'),
  remoteDocument: () => unreachable('remoteDocument'),
  onRelease() {},
  get sessions(): Ports['sessions'] {
    return unreachable('sessions');
  },
  get forward(): Ports['forward'] {
    return unreachable('forward');
  },
};

/** Ports that lead only to what is given. */
export function testPorts(given: Partial<Ports>): Ports {
  return Object.assign(Object.create(noPorts), given);
}

function unreachable(name: string): never {
  throw new Error(`the test does not expect a use of ${name}`);
}
