import { Dns, UpstreamPool } from '@agentgateway/http';
import type { CompiledBackend } from '../../src/backends/backend.ts';
import type { Callout } from '../../src/pipeline/callout.ts';
import { noNeeds } from '../../src/pipeline/needs.ts';
import { compileCallout } from '../../src/plans/callouts.ts';
import { LogLevels } from '../../src/telemetry/levels.ts';
import { Telemetry } from '../../src/telemetry/telemetry.ts';
import { HttpUpstreams } from '../../src/upstream/http-upstreams.ts';

const clock = {
  now: () => performance.now(),
  epoch: () => Date.now(),
  monotonic: () => process.hrtime.bigint(),
};

const settings = {
  connectTimeout: 5000,
  poolIdleTimeout: 90_000,
  keepalives: { enabled: false, time: 180_000, interval: 180_000, retries: 9 },
};

/** The way out of a gateway without the gateway: callouts to services of tests, through a real pool. */
export class TestCallouts implements AsyncDisposable {
  readonly #dns = new Dns();
  readonly #pool = new UpstreamPool({ resolver: this.#dns });
  readonly #upstreams: HttpUpstreams;

  constructor() {
    const telemetry = new Telemetry({
      format: 'json',
      levels: new LogLevels('info'),
      sink: { write() {} },
      clock,
      thread: 'test',
    });
    this.#upstreams = new HttpUpstreams(this.#pool, settings, telemetry);
  }

  to(port: number): Callout {
    const address = { host: '127.0.0.1', port };
    const upstream = this.#upstreams.compile(address, {});
    const attempt = {
      steps: [],
      responseSteps: [],
      needs: noNeeds,
      send: (exchange: Parameters<HttpUpstreams['send']>[0]) => this.#upstreams.send(exchange, upstream),
    };
    const backend: CompiledBackend = { protocol: 'http', select: () => attempt };
    return compileCallout({ $backend: { address }, policies: [] }, { clock, find: () => null, compile: () => backend });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#pool.destroy();
  }
}
