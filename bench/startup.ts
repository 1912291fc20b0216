import { gatewayCommand } from './lib/gateway.ts';
import { start } from './lib/processes.ts';
import { type Spread, spread } from './lib/spread.ts';
import { MEASURED, plainConfig } from './throughput.ts';

/** Milliseconds from starting the process to its first good answer. The first start, which fills caches, is not counted. */
export async function startUp(upstream: number, rounds: number, bundle: boolean): Promise<Spread> {
  const name = bundle ? 'startup-bundle' : 'startup';
  const command = gatewayCommand({ core: 0, port: 8041, name, config: plainConfig(8041, upstream), bundle });
  const times: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const started = performance.now();
    const gateway = await start(MEASURED, command, null);
    for (;;) {
      const ok = await fetch('http://127.0.0.1:8041/', { headers: { connection: 'close' } }).then(
        async (response) => (await response.text()) !== '' && response.ok,
        () => false,
      );
      if (ok) break;
      if (gateway.child.exitCode !== null) throw new Error('the gateway did not start');
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    if (round > 0) times.push(performance.now() - started);
    await gateway.stop();
  }
  return spread(times);
}
