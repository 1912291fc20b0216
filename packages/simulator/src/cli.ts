import { parseArgs } from 'node:util';
import { defaultKey, usagePlaces } from './options.ts';
import { type Simulator, startSimulator } from './server.ts';

const help = `Plays a model provider's API, for a first try and for tests.

Usage: simulate [options]

  --host HOST            Address to listen on (default 127.0.0.1)
  --port PORT            Port to listen on (default 9090; 0 is any free one)
  --key KEY              A good API key; may be repeated (default ${defaultKey})
  --tokens-per-second N  Pace of streamed answers (default: as fast as the client reads)
  --usage PLACE          Where streams tell their usage: ${usagePlaces.join(', ')} (default own)
  --model NAME           A model that /v1/models lists; may be repeated
  --help

Endpoints: POST /v1/chat/completions, GET /v1/models

Any model name is answered. Names that make the call fail, with the same as a request header:

  sim-429-seconds        x-sim-fault: 429;retry=seconds   also date, ms, reset, none
  sim-500  sim-503       x-sim-fault: 500                 always
  sim-500-once                                            every first of two calls
  sim-hang               x-sim-fault: hang                no answer
  sim-refuse             x-sim-fault: refuse              the connection closes at once
  sim-cut-120            x-sim-fault: cut;at=120          ends after 120 bytes of the answer
  sim-reset-120          x-sim-fault: reset;at=120        the same, with a reset
  sim-stall-120          x-sim-fault: stall;at=120        goes silent after 120 bytes
  sim-malformed          x-sim-fault: malformed           a chunk in the middle is no JSON
  sim-malformed-end      x-sim-fault: malformed-end       and the stream ends there
  sim-no-done            x-sim-fault: no-done             the stream ends without [DONE]
  sim-early-end          x-sim-fault: early-end           the stream ends in the middle
  sim-error-event        x-sim-fault: error-event         the stream ends with an error event

For one request: x-sim-usage: ${usagePlaces.join('|')}, x-sim-tokens: LENGTH, x-sim-tokens-per-second: N
`;

/**
 * The command line of the simulator.
 *
 * @returns the running simulator, or the exit code if there is nothing to run.
 */
export async function simulate(
  argv: readonly string[],
  print: (text: string) => void,
): Promise<Simulator | { readonly exitCode: number }> {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        host: { type: 'string' },
        port: { type: 'string', default: '9090' },
        key: { type: 'string', multiple: true },
        'tokens-per-second': { type: 'string', default: '0' },
        usage: { type: 'string', default: 'own' },
        model: { type: 'string', multiple: true },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      print(help);
      return { exitCode: 0 };
    }
    const usage = usagePlaces.find((place) => place === values.usage);
    if (usage === undefined) throw new Error(`--usage ${values.usage}: expected one of ${usagePlaces.join(', ')}`);
    const simulator = await startSimulator({
      port: whole('--port', values.port),
      tokensPerSecond: whole('--tokens-per-second', values['tokens-per-second']),
      usage,
      ...(values.host === undefined ? {} : { host: values.host }),
      ...(values.key === undefined ? {} : { keys: values.key }),
      ...(values.model === undefined ? {} : { models: values.model }),
    });
    print(`simulator listening on ${simulator.url}, key ${(values.key ?? [defaultKey]).join(' or ')}\n`);
    return simulator;
  } catch (error) {
    print(`${error instanceof Error ? error.message : String(error)}\nSee --help.\n`);
    return { exitCode: 2 };
  }
}

function whole(name: string, text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new Error(`${name} ${text}: expected a whole number`);
  return Number(text);
}
