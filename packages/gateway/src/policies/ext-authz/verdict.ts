import { isStream, Response } from '@agentgateway/http';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { StepResult } from '../../pipeline/step.ts';
import type { FailureMode } from './spec.ts';

/** What came of asking the service. What is `cacheable` can be carried out on any request. */
export type Verdict =
  | {
      readonly is: 'allowed';
      readonly cacheable: true;
      readonly metadata: Metadata | null;
      /** What the service wants changed of the request, and told to the client. */
      change(exchange: Exchange): void;
    }
  | {
      readonly is: 'denied';
      readonly cacheable: boolean;
      readonly metadata: Metadata | null;
      answer(exchange: Exchange): Response | GatewayError;
    }
  /** The service's own answer, on its way: for this client and nobody else. */
  | { readonly is: 'answered'; readonly cacheable: false; readonly response: Response }
  /** The service did not decide. */
  | { readonly is: 'failed'; readonly cacheable: false; readonly error: Error };

/** What becomes `extauthz`. */
export type Metadata = Readonly<Record<string, unknown>>;

/** Carries a verdict out. */
export function carryOut(exchange: Exchange, verdict: Verdict, failureMode: FailureMode): StepResult {
  switch (verdict.is) {
    case 'allowed':
      if (verdict.metadata !== null) exchange.extauthz = verdict.metadata;
      verdict.change(exchange);
      return undefined;
    case 'denied': {
      if (verdict.metadata !== null) exchange.extauthz = verdict.metadata;
      const answer = verdict.answer(exchange);
      if (answer instanceof Response) exchange.record.reason = 'DirectResponse';
      return answer;
    }
    case 'answered':
      // In its better form (03 §12): a service in trouble has not decided.
      if (failureMode === 'allow' && isTrouble(verdict)) {
        drop(verdict);
        return undefined;
      }
      exchange.record.reason = 'DirectResponse';
      return verdict.response;
    case 'failed':
      if (failureMode === 'allow') return undefined;
      return new GatewayError('extAuthz', {
        logDetail: troubleOf(verdict),
        cause: verdict.error,
        ...(failureMode === 'deny' ? {} : { status: failureMode.denyWithStatus }),
      });
  }
}

/** True for what says something of the service and nothing of the request. */
export function isTrouble(verdict: Verdict): boolean {
  return verdict.is === 'failed' || (verdict.is === 'answered' && verdict.response.status >= 500);
}

/** What the trouble is, for the log: it may name addresses. */
export function troubleOf(verdict: Verdict): string {
  if (verdict.is === 'answered') return `it answered with status ${verdict.response.status}`;
  if (verdict.is !== 'failed') return '';
  const { error } = verdict;
  const detail = error instanceof GatewayError ? error.logDetail : undefined;
  return detail === undefined ? error.message : `${error.message}: ${detail}`;
}

/** Lets go of a verdict that is not carried out. */
export function drop(verdict: Verdict): void {
  if (verdict.is !== 'answered') return;
  const { body } = verdict.response;
  if (isStream(body)) body.cancel(new Error('nobody waits for it'));
}
