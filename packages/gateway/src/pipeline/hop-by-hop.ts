import type { Headers, Request } from '@agentgateway/http';

/**
 * Drops what was meant for this hop only (RFC 9110 §7.6.1, spec 02 §3.5 step 5): the fields that `Connection` names and those
 * that are always so. `te: trailers` stays, and so does an upgrade that was asked for properly; `proxy-authorization` is not
 * touched, since basic authentication may need it.
 *
 * @returns the protocol that the client wants to change to, or null.
 */
export function stripRequestHopByHop(request: Request): string | null {
  const { headers } = request;
  if (!someHopByHop(headers)) return null;
  const trailers = headers.getAll('te').some((value) => listHas(value, 'trailers'));
  // An upgrade is a matter of HTTP/1.1 (RFC 9110 §7.8).
  const upgrade = request.version === 'HTTP/1.1' ? upgradeOf(headers) : null;
  dropNominated(headers);
  for (const name of requestFields) headers.delete(name);
  if (trailers) headers.append('te', 'trailers');
  if (upgrade !== null) {
    headers.append('connection', 'upgrade');
    headers.append('upgrade', upgrade);
  }
  return upgrade;
}

/**
 * The same for a response, whose upgrade (101) is left as it is (spec 02 §6, 51). `trailer` stays: trailer fields are forwarded.
 */
export function stripResponseHopByHop(status: number, headers: Headers): void {
  if (status === 101 || !someHopByHop(headers)) return;
  dropNominated(headers);
  for (const name of responseFields) headers.delete(name);
}

const responseFields = [
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'te',
  'transfer-encoding',
  'upgrade',
] as const;
const requestFields = [...responseFields, 'trailer'] as const;

/** True if any of the fields is there. Most messages have none: they must cost no more than a look at their names. */
function someHopByHop(headers: Headers): boolean {
  const count = headers.length;
  for (let i = 0; i < count; i++) {
    const name = headers.nameAt(i);
    switch (name.length) {
      case 2:
        if (name === 'te') return true;
        break;
      case 7:
        if (name === 'trailer' || name === 'upgrade') return true;
        break;
      case 10:
        if (name === 'connection' || name === 'keep-alive') return true;
        break;
      case 16:
        if (name === 'proxy-connection') return true;
        break;
      case 17:
        if (name === 'transfer-encoding') return true;
        break;
      case 18:
        if (name === 'proxy-authenticate') return true;
        break;
    }
  }
  return false;
}

/** What `Upgrade` asks for, if `Connection` names it. */
function upgradeOf(headers: Headers): string | null {
  if (!headers.has('upgrade')) return null;
  if (!headers.getAll('connection').some((value) => listHas(value, 'upgrade'))) return null;
  return headers.getAll('upgrade').join(', ');
}

function dropNominated(headers: Headers): void {
  const first = headers.get('connection');
  // What nearly every client sends names nothing that is there.
  if (
    first === undefined ||
    ((first === 'keep-alive' || first === 'close') && headers.getAll('connection').length === 1)
  ) {
    return;
  }
  for (const value of headers.getAll('connection')) {
    for (const member of value.split(',')) {
      const name = member.trim().toLowerCase();
      if (name !== '') headers.delete(name);
    }
  }
}

/** Does a comma-separated list hold this member, whatever its case and parameters? */
function listHas(list: string, member: string): boolean {
  return list.split(',').some((item) => {
    const end = item.indexOf(';');
    return (end < 0 ? item : item.slice(0, end)).trim().toLowerCase() === member;
  });
}
