import type { Program } from '@agentgateway/cel';
import { GatewayError } from '../../../pipeline/errors.ts';
import type { Exchange } from '../../../pipeline/exchange.ts';
import type { Ports, Step } from '../../../pipeline/step.ts';
import { bearerLocation } from '../../credential.ts';
import { ClientToken } from '../oauth/client-token.ts';
import { type FormFields, grants, wishFields } from '../oauth/form.ts';
import { warnOfOddWishes } from '../oauth/odd-wishes.ts';
import { cacheKey, type InsertToken, issuedToken, tokenCacheOf } from '../oauth/token-cache.ts';
import { endpointFailure, isBearer, type TokenAnswer, TokenEndpoint } from '../oauth/token-endpoint.ts';
import { mayAct } from './may-act.ts';
import type { TokenExchangeSpec } from './spec.ts';

/** What one request asks with. */
interface Question {
  readonly subject: string;
  readonly actor: string | null;
  readonly extras: FormFields;
}

/**
 * `oauthTokenExchange` (spec 03 §9.1): shows the upstream a token that was issued for the client's, which goes no further. With a token
 * that is known nothing waits.
 */
export function compileTokenExchange(spec: TokenExchangeSpec, ports: Ports): Step {
  warnOfOddWishes(spec, spec, ports.log);
  const endpoint = new TokenEndpoint(spec.endpoint, true, ports);
  const cache = tokenCacheOf(spec, spec.cache.maxEntries, ports.clock);
  const location = spec.location ?? bearerLocation;
  const shown = { location, defaultTtl: spec.cache.defaultTtl, clock: ports.clock };
  const subjectToken = new ClientToken(spec.subjectToken, ports);
  const actorToken = spec.actorToken === undefined ? null : new ClientToken(spec.actorToken, ports);
  const enforceMayAct = spec.actorToken?.enforceMayAct ?? false;
  const extras = spec.additionalParams.map(({ name, value }) => ({ name, program: ports.expression(value) }));

  const show = (exchange: Exchange, insert: InsertToken): undefined => {
    subjectToken.remove(exchange);
    actorToken?.remove(exchange);
    insert(exchange.request);
    exchange.explicitCredentialLocation = spec.location !== undefined;
  };

  const ask = (question: Question, exchange: Exchange, key: string) =>
    cache.obtain(key, exchange.abort, async (abort) => {
      const answer = await endpoint.ask(formOf(spec, question), exchange, abort);
      const problem = unfit(answer, spec.requestedTokenType);
      if (problem !== null) throw endpointFailure('the token endpoint gave no fitting token', problem);
      return issuedToken(answer, question.subject, shown);
    });

  return (exchange) => {
    const subject = subjectToken.read(exchange);
    if (subject === null) return refused('there is no subject token');
    const actor = actorToken === null ? null : actorToken.read(exchange);
    if (actorToken !== null && actor === null) return refused('there is no actor token');
    const fields = evaluateExtras(extras, exchange);
    if (fields instanceof GatewayError) return fields;
    const question = { subject, actor, extras: fields };
    const key = keyOf(spec, question);
    const known = cache.get(key);
    if (known !== null) return show(exchange, known);
    if (enforceMayAct && !mayAct(subject, actor ?? '')) return new GatewayError('actorNotAllowed');
    return ask(question, exchange, key).then((insert) => show(exchange, insert));
  };
}

function refused(why: string): GatewayError {
  return new GatewayError('subjectTokenRefused', { logDetail: `token exchange: ${why}` });
}

function evaluateExtras(
  extras: readonly { readonly name: string; readonly program: Program }[],
  exchange: Exchange,
): FormFields | GatewayError {
  const fields: FormFields = [];
  for (const { name, program } of extras) {
    const value = program.evaluate(exchange.variables);
    if (typeof value !== 'string') return refused(`the expression of ${name} gave no string`);
    fields.push([name, value]);
  }
  return fields;
}

function keyOf(spec: TokenExchangeSpec, { subject, actor, extras }: Question): string {
  const parts = [subject, spec.subjectToken.tokenType, actor ?? ''];
  for (const extra of extras) parts.push(...extra);
  return cacheKey(parts);
}

/** RFC 8693 §2.1; for assertions RFC 7523 §2.1. */
function formOf(spec: TokenExchangeSpec, { subject, actor, extras }: Question): FormFields {
  const fields: FormFields = [];
  if (spec.grantType === 'jwtBearer') {
    fields.push(['grant_type', grants.jwtBearer], ['assertion', subject]);
  } else {
    fields.push(['grant_type', grants.tokenExchange]);
    fields.push(['subject_token', subject], ['subject_token_type', spec.subjectToken.tokenType]);
    if (spec.actorToken !== undefined && actor !== null)
      fields.push(['actor_token', actor], ['actor_token_type', spec.actorToken.tokenType]);
    if (spec.requestedTokenType !== undefined) fields.push(['requested_token_type', spec.requestedTokenType]);
  }
  return [...fields, ...wishFields(spec.audiences, spec.scopes, spec.resources), ...extras];
}

/** Why an answer must not be used, in words for the log. */
function unfit(answer: TokenAnswer, requested: string | undefined): string | null {
  const { issued_token_type: issued } = answer;
  if (!isBearer(answer)) return 'token_type is not Bearer';
  if (requested !== undefined && issued != null && issued !== requested) return `issued_token_type is not ${requested}`;
  return null;
}
