import { isDeepStrictEqual } from 'node:util';
import { isObject, unverifiedClaims } from '../oauth/claims.ts';

/**
 * Whether the subject's token names the actor as one that may act for it (RFC 8693 §4.4): every member of its `may_act` is a claim of
 * the actor's token; where either is a list, one of it. The signatures are for the token endpoint to judge.
 */
export function mayAct(subject: string, actor: string): boolean {
  const allowed = unverifiedClaims(subject)?.may_act;
  const claims = unverifiedClaims(actor);
  if (!isObject(allowed) || claims === null) return false;
  const members = Object.entries(allowed);
  return (
    members.length > 0 && members.every(([name, wanted]) => Object.hasOwn(claims, name) && meet(wanted, claims[name]))
  );
}

function meet(wanted: unknown, claimed: unknown): boolean {
  const claims = [claimed].flat();
  return [wanted].flat().some((one) => claims.some((claim) => isDeepStrictEqual(one, claim)));
}
