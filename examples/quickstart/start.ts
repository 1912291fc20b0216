import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { startSimulator } from '../../packages/simulator/src/index.ts';
import { requestsToTry } from './requests.ts';

/**
 * The first run: a provider (the simulator, or OpenAI itself where `OPENAI_API_KEY` is set), the gateway before it, and
 * requests to try. `GATEWAY_PORT` and `SIMULATOR_PORT` choose the ports. SIGINT or SIGTERM ends all of it.
 */
const withOpenAI = (process.env.OPENAI_API_KEY ?? '') !== '';
const port = Number(process.env.GATEWAY_PORT ?? 8080);
const gateway = `http://localhost:${port}`;

const simulator = withOpenAI
  ? null
  : await startSimulator({ port: Number(process.env.SIMULATOR_PORT ?? 0), tokensPerSecond: 20 });
const config = fileURLToPath(new URL(withOpenAI ? 'openai.yaml' : 'gateway.yaml', import.meta.url));

const child = spawn(fileURLToPath(new URL('../../bin/agentgateway', import.meta.url)), ['-f', config], {
  env: {
    ...process.env,
    READY_FD: '3',
    ...(simulator === null ? {} : { SIMULATOR: `${simulator.host}:${simulator.port}` }),
  },
  stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  // In a group of its own: a Ctrl-C at the terminal reaches it once, through this process.
  detached: true,
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
child.once('error', (error) => process.stderr.write(`the gateway cannot be started: ${error.message}\n`));
child.once('close', (code) => {
  if (code === 1) {
    process.stderr.write(
      'GATEWAY_PORT, ADMIN_ADDR, STATS_ADDR and READINESS_ADDR choose other ports: GATEWAY_PORT=8081 ADMIN_ADDR=off … npm start\n',
    );
  }
  process.exitCode = code ?? 1;
  void simulator?.close();
});

const ready = child.stdio[3];
if (ready != null) {
  // The gateway closes its end when it is ready; so does the system when it ended before that.
  if ('resume' in ready) ready.resume();
  await once(ready, 'close');
  if (await accepts()) process.stdout.write(welcome());
}

/** False if the gateway ended instead. */
async function accepts(): Promise<boolean> {
  const socket = connect(port, 'localhost');
  try {
    await once(socket, 'connect');
    return child.exitCode === null && child.signalCode === null;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function welcome(): string {
  const provider = simulator === null ? 'OpenAI' : `the simulator on ${simulator.url}`;
  const model = simulator === null ? 'gpt-4o-mini' : 'sim-small';
  const tries = requestsToTry(gateway, 'demo-key', model).map(({ title, command }) => `${title}:\n\n${command}\n`);
  return [
    `\nThe gateway listens on ${gateway} and calls ${provider}. Configuration: ${config}\n`,
    ...tries,
    'Ctrl-C ends it.\n\n',
  ].join('\n');
}
