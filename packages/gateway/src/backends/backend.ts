import type { Response } from '@agentgateway/http';
import type { CompiledPhase } from '../pipeline/compiled-phase.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { PhaseNeeds } from '../pipeline/needs.ts';
import type { PlacedResponseStep, Ports, Step } from '../pipeline/step.ts';
import type { AiPolicySpec } from '../policies/ai/spec.ts';
import type { BackendPolicy } from '../policies/policy.ts';
import type { Backend } from '../resources/model.ts';
import type { UpstreamPort } from '../upstream/upstream.ts';

/** A backend ready to be called. Compiled once, shared by all requests. */
export interface CompiledBackend {
  /** For the record: what is spoken. */
  readonly protocol: 'http' | 'llm';
  /**
   * Chooses where this attempt goes: an endpoint, a provider. Runs once per attempt, before the backend phase.
   * @throws GatewayError if there is none.
   */
  select(exchange: Exchange): Attempt | Promise<Attempt>;
}

/** One place that a backend can send an attempt to, with the policies of that place. */
export interface Attempt {
  /** The backend phase, in order. */
  readonly steps: readonly Step[];
  readonly responseSteps: readonly PlacedResponseStep[];
  readonly needs: PhaseNeeds;
  /** Sends the request and gives the response's head. Throws GatewayError. */
  send(exchange: Exchange): Response | Promise<Response>;
}

/** What a kind of backend is given to compile itself. */
export interface BackendContext {
  readonly backend: Backend;
  /** Effective policies, most specific first, one per kind. */
  readonly policies: readonly BackendPolicy[];
  /** The route's `ai` policy; what a backend's own says goes before it. */
  readonly routeAi: AiPolicySpec | null;
  readonly ports: Ports;
  readonly upstream: UpstreamPort;
  /** Compiles the backend phase of a set of policies, in the order of the table. */
  phase(policies: readonly BackendPolicy[]): CompiledPhase;
}

export type CompileBackend = (context: BackendContext) => CompiledBackend;
