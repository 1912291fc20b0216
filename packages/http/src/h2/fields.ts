import type { OutgoingHttpHeaders } from 'node:http2';
import type { Body } from '../body.ts';
import { Headers } from '../headers.ts';

/** What an HTTP/2 field block says: its pseudo header fields, and the others. */
export interface FieldBlock {
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  readonly status: number;
  readonly headers: Headers;
}

/**
 * Reads Node's flat list of a field block. Crumbs of `cookie` become one line (RFC 9113 §8.2.3).
 *
 * Pseudo header fields stand first; nghttp2 has refused blocks where they do not.
 */
export function readFields(raw: readonly string[]): FieldBlock {
  let method = '';
  let scheme = '';
  let authority = '';
  let path = '';
  let status = 0;
  let at = 0;
  for (; at < raw.length; at += 2) {
    const name = raw[at] as string;
    if (name.charCodeAt(0) !== 58) break;
    const value = raw[at + 1] as string;
    switch (name) {
      case ':method':
        method = value;
        break;
      case ':scheme':
        scheme = value;
        break;
      case ':authority':
        authority = value;
        break;
      case ':path':
        path = value;
        break;
      case ':status':
        status = Number(value);
        break;
    }
  }
  const fields: string[] = at === 0 ? raw.slice() : raw.slice(at);
  joinCookies(fields);
  return { method, scheme, authority, path, status, headers: new Headers(fields) };
}

function joinCookies(fields: string[]): void {
  let first = -1;
  let to = 0;
  for (let from = 0; from < fields.length; from += 2) {
    const name = fields[from] as string;
    const value = fields[from + 1] as string;
    if (name === 'cookie') {
      if (first >= 0) {
        fields[first + 1] = `${fields[first + 1]}; ${value}`;
        continue;
      }
      first = to;
    }
    fields[to] = name;
    fields[to + 1] = value;
    to += 2;
  }
  fields.length = to;
}

/** Fields that belong to an HTTP/1 connection and must not stand in HTTP/2 (RFC 9113 §8.2.2). */
export function isConnectionField(name: string): boolean {
  switch (name) {
    case 'connection':
    case 'keep-alive':
    case 'proxy-connection':
    case 'transfer-encoding':
    case 'upgrade':
    case 'http2-settings':
      return true;
    default:
      return false;
  }
}

/** Fields named by `connection` (RFC 9110 §7.6.1), in lower case; null where there is no such field. */
function nominated(headers: Headers): Set<string> | null {
  const values = headers.getAll('connection');
  if (values.length === 0) return null;
  const names = new Set<string>();
  for (const value of values) for (const part of value.split(',')) names.add(part.trim().toLowerCase());
  return names;
}

/**
 * Puts fields into the form that Node wants, dropping those that belong to an HTTP/1 connection, `host` and
 * `content-length` (which is written from the body). `te` stays where it says `trailers`.
 */
export function writeFields(headers: Headers, into: OutgoingHttpHeaders): void {
  const dropped = nominated(headers);
  for (let i = 0; i < headers.length; i++) {
    const name = headers.nameAt(i);
    if (isConnectionField(name) || name === 'host' || name === 'content-length') continue;
    let value = headers.valueAt(i);
    if (name === 'te') {
      if (!/(?:^|,)\s*trailers\s*(?:,|$)/i.test(value)) continue;
      value = 'trailers';
    } else if (dropped?.has(name)) continue;
    const before = into[name];
    if (before === undefined) into[name] = value;
    else if (name === 'te') continue;
    else if (Array.isArray(before)) before.push(value);
    else into[name] = [before as string, value];
  }
}

/** The length that a message with this body announces, or nothing where it is not known. */
export function announcedLength(body: Body): number | undefined {
  return body === null ? 0 : body.length;
}

/** The value of `content-length` as a number, or nothing where there is none. nghttp2 has checked its form. */
export function contentLength(headers: Headers): number | undefined {
  const value = headers.get('content-length');
  return value === undefined ? undefined : Number(value);
}
