import { Caller, requestBytes } from './lib/client.ts';
import { startGateway } from './lib/gateway.ts';
import { answer } from './lib/nginx.ts';
import { percentile, type Spread, spread } from './lib/spread.ts';
import { chatBody, chatConfig, MEASURED } from './throughput.ts';

export interface Latency {
  /** Milliseconds that the gateway adds at 1,000 requests per second, the direct call's subtracted. */
  readonly addedP50: Spread;
  readonly addedP99: Spread;
}

const RATE = 1_000;
const CONNECTIONS = 32;

/**
 * Calls at a fixed rate, whatever the answers do: each request has its moment, and its latency counts from that moment.
 * Returns milliseconds.
 */
async function paced(port: number, request: Buffer, seconds: number): Promise<number[]> {
  const callers = Array.from({ length: CONNECTIONS }, () => new Caller(port, request, answer));
  const total = RATE * seconds;
  const latencies: number[] = [];
  const started = performance.now();
  let sent = 0;
  await new Promise<void>((resolve, reject) => {
    const tick = () => {
      const due = Math.min(total, Math.floor(((performance.now() - started) / 1_000) * RATE));
      while (sent < due) {
        const caller = callers.find(({ busy }) => !busy);
        if (caller === undefined) break;
        const planned = started + (sent / RATE) * 1_000;
        sent++;
        caller.call((error) => {
          if (error !== null) reject(error);
          latencies.push(performance.now() - planned);
          if (latencies.length === total) resolve();
        });
      }
      if (sent < total) setImmediate(tick);
    };
    tick();
  });
  for (const caller of callers) caller.close();
  return latencies.slice(RATE >> 1);
}

/** Added latency of a chat completion: through the gateway and directly in turn, round by round. */
export async function addedLatency(upstream: number, rounds: number, seconds: number): Promise<Latency> {
  const gateway = await startGateway({
    core: MEASURED,
    port: 8021,
    name: 'latency',
    config: chatConfig(8021, upstream),
  });
  const headers = { 'content-type': 'application/json', authorization: 'Bearer client-key' };
  const request = requestBytes('/v1/chat/completions', headers, chatBody);
  await paced(8021, request, 1);
  const p50: number[] = [];
  const p99: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const direct = await paced(upstream, request, seconds);
    const through = await paced(8021, request, seconds);
    p50.push(percentile(through, 0.5) - percentile(direct, 0.5));
    p99.push(percentile(through, 0.99) - percentile(direct, 0.99));
  }
  await gateway.stop();
  return { addedP50: spread(p50), addedP99: spread(p99) };
}
