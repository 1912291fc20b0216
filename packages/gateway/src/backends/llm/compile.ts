import { Headers, Response } from '@agentgateway/http';
import { noSteps } from '../../pipeline/compiled-phase.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Attempt, BackendContext, CompiledBackend } from '../backend.ts';
import { sendChat } from './chat.ts';
import { Target } from './target.ts';
import { wordErrorFor } from './word-error.ts';

/** A provider with what can be done there. */
interface Place {
  readonly target: Target;
  readonly chat: Attempt;
  readonly passthrough: Attempt;
}

/**
 * An `ai` backend (spec 05 §3): picks a provider, finds out what kind of call this is, and makes it.
 *
 * Providers of the first group share the attempts evenly, at random; their health is not looked at yet, so that later groups
 * are never used.
 */
export function compileLlmBackend(context: BackendContext): CompiledBackend {
  const { target } = context.backend;
  if (target.type !== 'ai') throw new TypeError(`not an ai backend: ${context.backend.key}`);
  const group = target.groups.find((providers) => providers.length > 0) ?? [];
  const places = group.map((provider) => compilePlace(new Target(provider, context)));
  const { random } = context.ports;

  return {
    protocol: 'llm',
    select(exchange) {
      const place = places[Math.floor(random() * places.length)];
      const type = place?.target.routeTypes.of(exchange.request.path) ?? 'completions';
      exchange.wordError = wordErrorFor(type);
      if (place === undefined) throw new GatewayError('noHealthyBackends');
      switch (type) {
        case 'completions':
          return place.chat;
        case 'passthrough':
          return place.passthrough;
        case 'models':
          return modelsNotBuilt;
        default:
          throw new GatewayError('llmNotBuilt', { detail: `route type ${type}` });
      }
    },
  };
}

function compilePlace(target: Target): Place {
  const { phase } = target;
  return {
    target,
    chat: { ...phase, send: (exchange) => sendChat(exchange, target) },
    passthrough: { ...phase, send: (exchange) => target.send(exchange, 'passthrough') },
  };
}

/** The fixed answer of the route type `models` (spec 05 §3.3). */
const modelsNotBuilt: Attempt = {
  ...noSteps,
  send: () =>
    new Response(
      501,
      Headers.of(['content-type', 'application/json']),
      Buffer.from(JSON.stringify({ error: "Route 'Models' not implemented" })),
    ),
};
