import { writeFileSync } from 'node:fs';
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

/** Starts a gateway and waits until it listens. Its access log goes to a file, as the baseline's does. */
export function startGateway(options: GatewayOptions): Promise<Running> {
  return start(options.core, gatewayCommand(options), options.port, { output: scratch(`${options.name}.log`) });
}
