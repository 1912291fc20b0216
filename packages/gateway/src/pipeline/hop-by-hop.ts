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
  const present = presentFields(headers);
  if (present === 0) return null;
  const trailers = (present & te) !== 0 && headers.getAll('te').some((value) => listHas(value, 'trailers'));
  // An upgrade is a matter of HTTP/1.1 (RFC 9110 §7.8).
  const protocol = (present & upgrade) !== 0 && request.version === 'HTTP/1.1' ? upgradeOf(headers) : null;
  if ((present & connection) !== 0) dropNominated(headers);
  dropFields(headers, present);
  if (trailers) headers.append('te', 'trailers');
  if (protocol !== null) {
    headers.append('connection', 'upgrade');
    headers.append('upgrade', protocol);
  }
  return protocol;
}

/**
 * The same for a response, whose upgrade (101) is left as it is (spec 02 §6, 51). `trailer` stays: trailer fields are forwarded.
 */
export function stripResponseHopByHop(status: number, headers: Headers): void {
  if (status === 101) return;
  const present = presentFields(headers) & ~trailer;
  if (present === 0) return;
  if ((present & connection) !== 0) dropNominated(headers);
  dropFields(headers, present);
}

/** The fields, at the places of their bits. */
const fields = [
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'te',
  'transfer-encoding',
  'upgrade',
  'trailer',
  // Answered by this hop's server, when the body is first read.
  'expect',
] as const;
const connection = 1 << fields.indexOf('connection');
const te = 1 << fields.indexOf('te');
const upgrade = 1 << fields.indexOf('upgrade');
const trailer = 1 << fields.indexOf('trailer');

/** Which of the fields are there, as bits. Most messages have none or one: they must cost no more than a look at their names. */
function presentFields(headers: Headers): number {
  const count = headers.length;
  let present = 0;
  for (let i = 0; i < count; i++) {
    const name = headers.nameAt(i);
    switch (name.length) {
      case 2:
      case 6:
      case 7:
      case 10:
      case 16:
      case 17:
      case 18: {
        const bit = (fields as readonly string[]).indexOf(name);
        if (bit >= 0) present |= 1 << bit;
      }
    }
  }
  return present;
}

function dropFields(headers: Headers, present: number): void {
  for (let bit = 0; bit < fields.length; bit++) {
    if ((present & (1 << bit)) !== 0) headers.delete(fields[bit] as string);
  }
}

/** What `Upgrade` asks for, if `Connection` names it. */
function upgradeOf(headers: Headers): string | null {
  if (!headers.getAll('connection').some((value) => listHas(value, 'upgrade'))) return null;
  return headers.getAll('upgrade').join(', ');
}

function dropNominated(headers: Headers): void {
  for (const value of headers.getAll('connection')) {
    // What nearly every client sends, and it names nothing more.
    if (value === 'keep-alive' || value === 'close') continue;
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
