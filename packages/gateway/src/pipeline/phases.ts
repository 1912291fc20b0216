import { stripLoginCookies } from '../policies/oidc/strip.ts';
import type { BackendPolicy, TrafficPolicy } from '../policies/policy.ts';
import { type PolicyCode, policyLoaders, type StepKind } from '../policies/steps.ts';
import { type CompiledPhase, noSteps } from './compiled-phase.ts';
import { requestStep, responseStep } from './conditional.ts';
import type { Ports, ResponseStep } from './step.ts';
import { WatchedPorts } from './watched-ports.ts';

/**
 * The order in which policies run (spec 03 §2.2): phase, then kinds. It is written out whole; a kind that is not built is
 * refused when the configuration is read, so its place stays empty. `timeout` and `retry` are settings that take effect at
 * their place; `loginCookies` is no policy: no cookie of a browser login goes further than that place, whoever set it.
 */
export const phases = {
  gateway: [
    'cors',
    'oidc',
    'jwtAuth',
    'basicAuth',
    'apiKey',
    'extAuthz',
    'authorization',
    'extProc',
    'transformations',
  ],
  route: [
    'timeout',
    'cors',
    'oidc',
    'loginCookies',
    'jwtAuth',
    'basicAuth',
    'apiKey',
    'extAuthz',
    'authorization',
    'retry',
    'localRateLimit',
    'remoteRateLimit',
    'buffer',
    'extProc',
    'transformations',
    'csrf',
    'requestHeaderModifier',
    'urlRewrite',
    'requestRedirect',
    'delay',
    'directResponse',
  ],
  /** On every attempt. */
  backend: [
    'http',
    'authorization',
    'extAuthz',
    'backendAuth',
    'transformations',
    'requestHeaderModifier',
    'requestRedirect',
    'a2a',
  ],
} as const satisfies Record<string, readonly string[]>;

export type Phase = keyof typeof phases;

/**
 * The response phase: for each row, the policies of that kind that belong to that phase. Rows marked `upstream` are left out
 * where the gateway itself answered.
 */
export const responsePhase = [
  { kind: 'responseHeaderModifier', of: 'route' },
  { kind: 'responseHeaderModifier', of: 'backend' },
  { kind: 'buffer', of: 'route' },
  { kind: 'transformations', of: 'route' },
  { kind: 'transformations', of: 'backend' },
  { kind: 'transformations', of: 'gateway' },
  { kind: 'extProc', of: 'route', upstream: true },
  { kind: 'extProc', of: 'gateway', upstream: true },
] as const satisfies readonly ResponseRow[];

interface ResponseRow {
  readonly kind: string;
  readonly of: Phase;
  readonly upstream?: true;
}

const rows: readonly ResponseRow[] = responsePhase;

type Policy = TrafficPolicy | BackendPolicy;

/** Compiles phases out of the code that was loaded for them. */
export interface PhaseCompiler {
  /**
   * @param policies The effective ones, at most one of a kind, in any order.
   * @param ports Gives the ports of one policy, by its specification.
   * @throws Error if a kind was not among those loaded.
   */
  compile(phase: Phase, policies: readonly Policy[], ports: (spec: unknown) => Ports): CompiledPhase;
}

/** Loads the code of the kinds that a configuration uses; settings such as `timeout` and kinds loaded before cost nothing. */
export async function loadSteps(kinds: Iterable<Policy['kind']>): Promise<PhaseCompiler> {
  const wanted = [...new Set(kinds)].filter(isStepKind);
  const entries = await Promise.all(wanted.map(async (kind) => [kind, await policyLoaders[kind]()] as const));
  return new LoadedSteps(new Map(entries as [StepKind, PolicyCode<unknown>][]));
}

/** Of a route without policies. */
const bareRoute: CompiledPhase = { ...noSteps, steps: [stripLoginCookies] };

class LoadedSteps implements PhaseCompiler {
  readonly #code: ReadonlyMap<StepKind, PolicyCode<unknown>>;

  constructor(code: ReadonlyMap<StepKind, PolicyCode<unknown>>) {
    this.#code = code;
  }

  compile(phase: Phase, policies: readonly Policy[], ports: (spec: unknown) => Ports): CompiledPhase {
    if (policies.length === 0) return phase === 'route' ? bareRoute : noSteps;
    const watched = new WatchedPorts(ports);
    const portsOf = (spec: unknown) => watched.of(spec);
    const steps = phases[phase].flatMap((kind) => {
      if (kind === 'loginCookies') return stripLoginCookies;
      return policies.flatMap((policy) => {
        const compile = policy.kind === kind ? this.#codeOf(policy)?.request : undefined;
        return compile === undefined ? [] : (requestStep(policy, compile, portsOf) ?? []);
      });
    });
    const responseSteps = rows.flatMap(({ kind, of, upstream = false }, row) => {
      const policy = of === phase ? policies.find((candidate) => candidate.kind === kind) : undefined;
      const compile = policy && this.#codeOf(policy)?.response;
      const run = compile && responseStep(policy, compile, portsOf);
      return run == null ? [] : [{ row, run: upstream ? onlyFromUpstream(run) : run }];
    });
    return { steps, responseSteps, needs: watched.needs };
  }

  #codeOf({ kind }: Policy): PolicyCode<unknown> | null {
    if (!isStepKind(kind)) return null;
    const code = this.#code.get(kind);
    if (code === undefined) throw new Error(`the code of policy ${kind} was not loaded`);
    return code;
  }
}

/** Leaves out the answers of the gateway itself. */
function onlyFromUpstream(run: ResponseStep): ResponseStep {
  return (exchange, response) => (exchange.fromUpstream ? run(exchange, response) : undefined);
}

function isStepKind(kind: Policy['kind']): kind is StepKind {
  return Object.hasOwn(policyLoaders, kind);
}
