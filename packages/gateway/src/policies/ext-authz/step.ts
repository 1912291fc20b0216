import type { Exchange } from '../../pipeline/exchange.ts';
import type { Ports, Step, StepResult } from '../../pipeline/step.ts';
import { peekBody } from './body.ts';
import type { Check } from './check.ts';
import { type Decision, Decisions } from './decisions.ts';
import { compileGrpcCheck } from './grpc.ts';
import { compileHttpCheck } from './http-check.ts';
import { Late } from './late.ts';
import type { CacheSpec, ExtAuthzSpec } from './spec.ts';
import type * as Values from './values.ts';
import { carryOut, drop, isTrouble, troubleOf, type Verdict } from './verdict.ts';

/**
 * `extAuthz` (spec 03 §5.2): a service decides on the request. What it says of the request is done, what it says to the client is
 * queued, and what it answers instead is the answer.
 */
export function compileExtAuthz(spec: ExtAuthzSpec, ports: Ports): Step {
  const values = needsLanguage(spec) ? new Late(() => import('./values.ts')) : null;
  const { protocol, includeRequestBody, cache, failureMode } = spec;
  const service = ports.callout(spec.service);
  const check: Check =
    'http' in protocol
      ? compileHttpCheck(protocol.http, spec, service, ports, values)
      : compileGrpcCheck(protocol.grpc, spec, service, ports, values);
  let failing = false;

  const decide = async (exchange: Exchange): Promise<Verdict> => {
    const body = includeRequestBody === undefined ? null : await peekBody(exchange, includeRequestBody);
    const verdict = await check(exchange, body);
    // The client left, or its time is over: there is nobody to let in or to turn away, and it says nothing of the service.
    if (verdict.is === 'failed' && exchange.abort.reason !== null) throw exchange.abort.reason;
    const fails = isTrouble(verdict);
    if (fails && !failing) {
      const what = failureMode === 'allow' ? 'requests pass unasked' : 'requests are refused';
      ports.log.warn('extAuthz', `${what}, as ${service.name} fails`, { error: troubleOf(verdict) });
    } else if (failing && !fails) ports.log.info('extAuthz', `${service.name} decides again`);
    failing = fails;
    return verdict;
  };

  if (cache === undefined || values === null)
    return async (exchange) => carryOut(exchange, await decide(exchange), failureMode);
  return remembering(cache, spec, ports, values, decide);
}

/** Asks only where no decision is remembered, and ahead of its end once more. */
function remembering(
  cache: CacheSpec,
  { failureMode }: ExtAuthzSpec,
  { clock, log, expression }: Ports,
  values: Late<typeof Values>,
  decide: (exchange: Exchange) => Promise<Verdict>,
): Step {
  const keys = cache.key.map((key) => expression(key));
  const ttl = expression(cache.ttl);
  for (const { source } of keys.filter(({ volatile }) => volatile))
    log.warn('extAuthz', 'a key of the cache differs each time, so that nothing is ever found', { expression: source });
  if (keys.length === 0)
    log.warn('extAuthz', 'the cache has no key: one decision is for every request', { ttl: ttl.source });
  const decisions = new Decisions(cache.maxEntries);

  const step = (exchange: Exchange): StepResult | Promise<StepResult> => {
    const language = values.value;
    if (language === null) return values.loading.then(() => step(exchange));
    const key = language.cacheKey(keys.map((program) => program.evaluate(exchange.variables)));
    const now = clock.now();
    const known = key === null ? null : decisions.find(key, now);
    if (known === null || known.isDue(now)) return ask(exchange, key, known);
    return carryOut(exchange, known.verdict, failureMode);
  };

  const ask = async (exchange: Exchange, key: string | null, known: Decision | null): Promise<StepResult> => {
    if (known !== null) known.refreshing = true;
    try {
      const verdict = await decide(exchange);
      if (known !== null && isTrouble(verdict)) {
        // It is still good: a service in trouble takes nothing back.
        drop(verdict);
        return carryOut(exchange, known.verdict, failureMode);
      }
      const result = carryOut(exchange, verdict, failureMode);
      if (key !== null && verdict.cacheable) remember(exchange, key, verdict);
      return result;
    } finally {
      if (known !== null) known.refreshing = false;
    }
  };

  /** The time is found out last: it may depend on what the service told. */
  const remember = (exchange: Exchange, key: string, verdict: Verdict) => {
    const lifetime = values.value?.lifetime(ttl.evaluate(exchange.variables), clock.epoch()) ?? null;
    if (lifetime !== null && lifetime > 0) decisions.remember(key, verdict, clock.now(), lifetime);
  };

  return step;
}

function needsLanguage({ protocol, cache }: ExtAuthzSpec): boolean {
  if (cache !== undefined) return true;
  if ('grpc' in protocol) return protocol.grpc.metadata !== undefined;
  const { body, addRequestHeaders, metadata } = protocol.http;
  return body !== undefined || Object.keys(addRequestHeaders).length > 0 || Object.keys(metadata).length > 0;
}
