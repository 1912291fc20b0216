import {
  Abort,
  type BodyConsumer,
  type BodyStream,
  type ConnectionInfo,
  Headers,
  type Reply,
  Request,
  type Response,
} from '@agentgateway/http';
import { noSteps } from '../../pipeline/compiled-phase.ts';
import { Exchange } from '../../pipeline/exchange.ts';
import type { Ports } from '../../pipeline/step.ts';
import type { AiPolicySpec } from '../../policies/ai/spec.ts';
import type { BackendPolicy } from '../../policies/policy.ts';
import type { Address, AiProvider } from '../../resources/model.ts';
import { RequestRecord } from '../../telemetry/record.ts';
import type { Upstream } from '../../upstream/upstream.ts';
import type { BackendContext, CompiledBackend } from '../backend.ts';
import { compileLlmBackend } from './compile.ts';

/** A body that a test hands out piece by piece, and what the consumer asked of it. */
export class TestStream implements BodyStream {
  readonly length = undefined;
  readonly asked: string[] = [];
  consumer: BodyConsumer | null = null;
  cancelled: Error | null = null;

  read(consumer: BodyConsumer): void {
    this.consumer = consumer;
  }

  pause(): void {
    this.asked.push('pause');
  }

  resume(): void {
    this.asked.push('resume');
  }

  cancel(reason: Error): void {
    this.asked.push('cancel');
    this.cancelled = reason;
  }

  /** Through a buffer that is overwritten afterwards, as the worker's read buffer is. */
  data(text: string | Buffer): void {
    const chunk = Buffer.from(text);
    this.consumer?.onData(chunk);
    chunk.fill(0);
  }
}

/** Everything that came out of a body, in order. */
export class TestConsumer implements BodyConsumer {
  readonly log: string[] = [];
  text = '';
  onChunk: ((text: string) => void) | null = null;

  onData(chunk: Buffer): void {
    const text = chunk.toString();
    this.text += text;
    this.log.push('data');
    this.onChunk?.(text);
  }

  onTrailers(): void {
    this.log.push('trailers');
  }

  onEnd(): void {
    this.log.push('end');
  }

  onError(error: Error): void {
    this.log.push(`error: ${error.message}`);
  }
}

/** What the fake upstream was asked, as it stood at that moment. */
export interface Sent {
  readonly address: Address;
  readonly tls: boolean;
  readonly path: string;
  readonly authority: string;
  readonly headers: Headers;
  readonly body: Request['body'];
}

/** An `ai` backend between a made-up exchange and a made-up upstream. */
export class Bench {
  readonly sent: Sent[] = [];
  readonly phases: (readonly BackendPolicy[])[] = [];
  readonly backend: CompiledBackend;
  now = 1;
  random = 0;
  answer: (sent: Sent) => Response | Promise<Response> = () => {
    throw new Error('no answer');
  };

  constructor(
    groups: readonly (readonly AiProvider[])[],
    policies: readonly BackendPolicy[] = [],
    routeAi: AiPolicySpec | null = null,
  ) {
    const targets = new Map<Upstream, { address: Address; tls: boolean }>();
    const context = {
      backend: {
        kind: 'backend',
        key: '/b',
        name: { namespace: '', name: 'b' },
        target: { type: 'ai', groups },
        policies,
      },
      policies,
      routeAi,
      ports: { random: () => this.random } as unknown as Ports,
      upstream: {
        compile: (address, { tls }) => {
          const upstream = {} as Upstream;
          targets.set(upstream, { address, tls: tls !== undefined });
          return upstream;
        },
        send: async ({ request }, upstream) => {
          const { path, authority, headers, body } = request;
          const sent = { ...targets.get(upstream)!, path, authority, headers: headers.clone(), body };
          this.sent.push(sent);
          return await this.answer(sent);
        },
      },
      phase: (effective) => {
        this.phases.push(effective);
        return noSteps;
      },
    } satisfies BackendContext;
    this.backend = compileLlmBackend(context);
  }

  exchange(body: Request['body'] | string, path = '/v1/chat/completions', headers: Headers = new Headers()): Exchange {
    return new Exchange(
      new Request(
        'POST',
        'http',
        'gateway.test',
        path,
        'HTTP/1.1',
        headers,
        typeof body === 'string' ? Buffer.from(body) : body,
      ),
      {} as Reply,
      {} as ConnectionInfo,
      new RequestRecord(),
      new Abort(),
      { now: () => this.now, epoch: () => 0, monotonic: () => 0n },
    );
  }

  async send(exchange: Exchange): Promise<Response> {
    const attempt = await this.backend.select(exchange);
    return await attempt.send(exchange);
  }
}
