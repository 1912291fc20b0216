import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { node, type Running, root, scratch, start } from './processes.ts';

export interface GatewayOptions {
  readonly core: number;
  readonly port: number;
  /** YAML besides the `config` section. */
  readonly config: string;
  readonly bundle?: boolean;
  readonly name: string;
}

/** Command line of a gateway on a configuration of the benchmark: one worker, no management ports, access log to a file. */
export function gatewayCommand({ name, config, bundle }: GatewayOptions): string[] {
  const file = scratch(`${name}.yaml`);
  writeFileSync(file, `config: { workerThreads: 1, adminAddr: off, statsAddr: off, readinessAddr: off }\n${config}`);
  const entry =
    bundle === true ? join(root, 'dist', 'agentgateway.mjs') : join(root, 'packages/gateway/src/cli/main.mjs');
  return [node, entry, '-f', file];
}

/**
 * Starts a gateway and waits until it says that it listens: its port answers before, while the supervisor finds out whether it
 * can be had. Its access log goes to a file, as the baseline's does.
 */
export async function startGateway(options: GatewayOptions): Promise<Running> {
  const output = scratch(`${options.name}.log`);
  const gateway = await start(options.core, gatewayCommand(options), null, { output });
  while (!readFileSync(output, 'utf8').includes('listening')) {
    if (gateway.child.exitCode !== null) throw new Error(`the gateway ended: ${readFileSync(output, 'utf8')}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return gateway;
}
