import { threadId } from 'node:worker_threads';
import { Headers, type Request, Response } from '@agentgateway/http';
import type { BackendContext, CompiledBackend } from '../../src/backends/backend.ts';
import { registerBackendExtension } from '../../src/backends/registry.ts';
import { noSteps } from '../../src/pipeline/compiled-phase.ts';
import type { Exchange } from '../../src/pipeline/exchange.ts';

/** Requests of each session that lives in this worker. */
const counts = new Map<string, number>();
let answersOthers = false;

/**
 * A backend whose sessions live in the worker where they began: loaded into every worker by its module's name. A request
 * without `x-session` begins one; one with it is counted by its owner, whichever worker it came to.
 */
registerBackendExtension('sessionEcho', ({ ports }: BackendContext): CompiledBackend => {
  if (!answersOthers) {
    answersOthers = true;
    ports.forward.handle('sessionEcho', (request, reply) => reply.respond(echo(request)));
  }
  async function send(exchange: Exchange): Promise<Response> {
    const { request, connection, abort, record, listenerPlan } = exchange;
    const id = request.headers.get('x-session');
    if (id === undefined) {
      request.headers.set('x-session', ports.sessions.encode(''));
      return echo(request, threadId);
    }
    const token = ports.sessions.decode(id);
    if (token === null) return new Response(404, new Headers(), Buffer.from('no such session'));
    request.headers.set('x-came-to', String(threadId));
    if (ports.forward.isOwn(token.owner)) return echo(request);
    const forwarding = {
      connection,
      bind: record.bind ?? '',
      listener: listenerPlan?.listener.key ?? '',
      attributes: null,
    };
    const forwarded = await ports.forward.send(token.owner, 'sessionEcho', request, forwarding, abort);
    return forwarded.is === 'answered'
      ? (forwarded.response as Response)
      : new Response(404, new Headers(), Buffer.from('the session is gone'));
  }
  return { protocol: 'http', select: () => ({ ...noSteps, send }) };
});

function echo(request: Request, cameTo?: number): Response {
  const id = request.headers.get('x-session') as string;
  const count = (counts.get(id) ?? 0) + 1;
  counts.set(id, count);
  const answer = { owner: threadId, cameTo: cameTo ?? Number(request.headers.get('x-came-to')), count };
  return new Response(200, Headers.of(['x-session', id]), Buffer.from(JSON.stringify(answer)));
}
