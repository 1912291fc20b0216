import http from 'node:http';
import net from 'node:net';
import { requestBytes } from './lib/client.ts';
import { startGateway } from './lib/gateway.ts';
import { type Spread, spread } from './lib/spread.ts';
import { chatBody, chatConfig, MEASURED } from './throughput.ts';

const EVENTS = 20_000;
const streamBody = JSON.stringify({ ...JSON.parse(chatBody), stream: true, stream_options: { include_usage: true } });
const headers = { 'content-type': 'application/json', authorization: 'Bearer client-key' };

/** A long stream of chunks as a provider sends it, usage and `[DONE]` at the end. */
export function longStream(): string {
  const chunk = (delta: object, finish: string | null) =>
    `data: ${JSON.stringify({
      id: 'chatcmpl-bench',
      object: 'chat.completion.chunk',
      created: 1_700_000_000,
      model: 'gpt-4o-mini',
      choices: [{ index: 0, delta, finish_reason: finish }],
    })}\n\n`;
  const usage = `data: ${JSON.stringify({
    id: 'chatcmpl-bench',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'gpt-4o-mini',
    choices: [],
    usage: { prompt_tokens: 21, completion_tokens: EVENTS, total_tokens: EVENTS + 21 },
  })}\n\n`;
  const words = Array.from({ length: EVENTS }, (_, i) => chunk({ content: ` word${i}` }, null)).join('');
  return `${chunk({ role: 'assistant', content: '' }, null)}${words}${chunk({}, 'stop')}${usage}data: [DONE]\n\n`;
}

/** Streamed events per second through one core, several streams at once; every stream is counted to its end. */
export async function streamedEvents(upstream: number, rounds: number): Promise<Spread> {
  const gateway = await startGateway({
    core: MEASURED,
    port: 8031,
    name: 'streams',
    config: chatConfig(8031, upstream, '/stream'),
  });
  const rates: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const started = performance.now();
    const counts = await Promise.all(Array.from({ length: 8 }, () => readStream(8031)));
    const events = counts.reduce((sum, count) => sum + count, 0);
    if (round > 0) rates.push(events / ((performance.now() - started) / 1_000));
  }
  await gateway.stop();
  return spread(rates);
}

function readStream(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { port, host: '127.0.0.1', path: '/v1/chat/completions', method: 'POST', headers, agent: false },
      (response) => {
        let events = 0;
        let last = 0;
        let tail = '';
        response.on('data', (chunk: Buffer) => {
          for (const byte of chunk) {
            if (byte === 10 && last === 10) events++;
            last = byte;
          }
          tail = (tail + chunk.toString('latin1', Math.max(0, chunk.length - 32))).slice(-32);
        });
        response.on('end', () => {
          if (response.statusCode === 200 && events === EVENTS + 4 && tail.endsWith('data: [DONE]\n\n'))
            resolve(events);
          else reject(new Error(`a stream of ${events} events, status ${response.statusCode}, ending in ${tail}`));
        });
      },
    );
    request.on('error', reject);
    request.end(streamBody);
  });
}

/** Bytes of resident memory that one open stream costs which is waiting for its next event. */
export async function idleStream(count: number): Promise<number> {
  // A provider that sends one event and then thinks.
  const open: net.Socket[] = [];
  const provider = net.createServer((socket) => {
    open.push(socket);
    socket.on('error', () => {});
    socket.once('data', () => {
      const event = 'data: {"id":"x","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n';
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n${event.length.toString(16)}\r\n${event}\r\n`,
      );
    });
  });
  await new Promise<void>((resolve) => provider.listen(9031, '127.0.0.1', 4_096, resolve));
  const gateway = await startGateway({ core: MEASURED, port: 8032, name: 'idle', config: chatConfig(8032, 9031) });
  const request = requestBytes('/v1/chat/completions', headers, streamBody);
  const clients: net.Socket[] = [];
  const openStreams = async (number: number) => {
    for (let i = 0; i < number; i += 100) {
      await Promise.all(
        Array.from({ length: Math.min(100, number - i) }, async () => {
          const socket = net.connect(8032, '127.0.0.1');
          clients.push(socket);
          socket.write(request);
          let text = '';
          await new Promise<void>((resolve, reject) => {
            socket.on('error', reject);
            socket.on('data', (chunk) => {
              text += chunk.toString();
              if (text.includes('"content":"a"')) resolve();
            });
          });
        }),
      );
    }
  };
  // What comes once (code, buffers, the first growth of the heap) is not a stream's.
  await openStreams(500);
  const before = gateway.memory();
  await openStreams(count);
  const after = gateway.memory();
  for (const socket of [...clients, ...open]) socket.destroy();
  await gateway.stop();
  provider.close();
  return (after - before) / count;
}
