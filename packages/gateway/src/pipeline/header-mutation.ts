import { type Headers, Request, type Response } from '@agentgateway/http';
import { toBytes } from '../resources/routing/text.ts';
import { parseAuthority } from './authority.ts';

/**
 * How policies change the head of a message (spec 03 §3.4). Besides fields there are the names of the message's first line, `:method`,
 * `:scheme`, `:authority`, `:path` and `:status`; `host` of a request is its authority, as a request in the pipeline has no such field.
 *
 * Names may come in any case. Values are byte strings, as in `Headers`: whoever has a text gives `toBytes(text)`. What cannot be sent (a
 * line break, a path with a space, a status that is none) changes nothing: every function tells whether it did what it was asked.
 */

/** Puts one value in the place of all of a name. */
export function setRequestHeader(request: Request, name: string, value: string): boolean {
  const lower = name.toLowerCase();
  if (lower === 'host' || isPseudo(lower)) return setRequestLine(request, lower, value);
  return setField(request.headers, lower, value);
}

/** Adds a value beside those that are there. The first line and `host` hold one value, which is replaced. */
export function appendRequestHeader(request: Request, name: string, value: string): boolean {
  const lower = name.toLowerCase();
  if (lower === 'host' || isPseudo(lower)) return setRequestLine(request, lower, value);
  return appendField(request.headers, lower, value);
}

/** Drops every value of a field; the first line stays, and with it the authority. */
export function removeRequestHeader(request: Request, name: string): boolean {
  return request.headers.delete(name.toLowerCase());
}

/** Puts one value in the place of all of a name; `:status` takes digits. `host` is a field like any other here. */
export function setResponseHeader(response: Response, name: string, value: string): boolean {
  const lower = name.toLowerCase();
  if (isPseudo(lower)) return lower === ':status' && /^\d{3}$/.test(value) && setStatus(response, Number(value));
  return setField(response.headers, lower, value);
}

/** Adds a value beside those that are there; a status is replaced. */
export function appendResponseHeader(response: Response, name: string, value: string): boolean {
  const lower = name.toLowerCase();
  if (isPseudo(lower)) return setResponseHeader(response, lower, value);
  return appendField(response.headers, lower, value);
}

/** Drops every value of a field; the status stays. */
export function removeResponseHeader(response: Response, name: string): boolean {
  return response.headers.delete(name.toLowerCase());
}

/** Changes the status: a final one, or nothing. The switch of a protocol (101) is no policy's to promise or to take back. */
export function setStatus(response: Response, status: number): boolean {
  if (!Number.isInteger(status) || status < 200 || status > 999 || response.status === 101) return false;
  response.status = status;
  return true;
}

/** `HeaderValueOption` of Envoy's interfaces, as it is decoded (spec 03 §10a). */
export interface HeaderOption {
  readonly header?:
    | { readonly key: string; readonly value?: string | undefined; readonly rawValue?: Uint8Array | undefined }
    | undefined;
  /** The older member: true appends, everything else overwrites. */
  readonly append?: boolean | undefined;
  /** 0 is unset, then `append` counts. */
  readonly appendAction?: number | undefined;
}

/**
 * Carries out a `HeaderValueOption` on a request or a response (spec 03 §3.4): `append_action` 1 adds where nothing is, 2 overwrites or
 * adds, 3 overwrites what is there, any other appends; where it is 0 `append` decides, and without it the value overwrites or is added.
 *
 * @returns false where it says nothing (no value at all) or what cannot be sent: then the message is as it was, and the caller warns.
 */
export function applyHeaderOption(target: Request | Response, option: HeaderOption): boolean {
  const { header, appendAction = 0 } = option;
  if (header === undefined) return false;
  const name = header.key.toLowerCase();
  const value = sentValue(header);
  if (value === null) return false;
  switch (appendAction) {
    case 0:
      return option.append === true ? append(target, name, value) : set(target, name, value);
    case 1:
      return isThere(target, name) ? true : append(target, name, value);
    case 2:
      return set(target, name, value);
    case 3:
      return isThere(target, name) ? set(target, name, value) : true;
    default:
      return append(target, name, value);
  }
}

/** True for names of the first line. */
export function isPseudo(name: string): boolean {
  return name.charCodeAt(0) === 0x3a;
}

/** The bytes if there are some, else the text; null if both are empty. */
function sentValue({ value, rawValue }: NonNullable<HeaderOption['header']>): string | null {
  if (rawValue !== undefined && rawValue.length > 0)
    return Buffer.from(rawValue.buffer, rawValue.byteOffset, rawValue.length).toString('latin1');
  return value === undefined || value === '' ? null : toBytes(value);
}

function set(target: Request | Response, name: string, value: string): boolean {
  return target instanceof Request ? setRequestHeader(target, name, value) : setResponseHeader(target, name, value);
}

function append(target: Request | Response, name: string, value: string): boolean {
  return target instanceof Request
    ? appendRequestHeader(target, name, value)
    : appendResponseHeader(target, name, value);
}

/** The first line is always there. */
function isThere(target: Request | Response, name: string): boolean {
  return isPseudo(name) || (name === 'host' && target instanceof Request) || target.headers.has(name);
}

function setRequestLine(request: Request, name: string, value: string): boolean {
  switch (name) {
    case ':method':
      // CONNECT is no request for a resource: a message cannot become one.
      if (!isToken(value) || value === 'CONNECT') return false;
      request.method = value;
      return true;
    case ':scheme': {
      const scheme = value.toLowerCase();
      if (scheme !== 'http' && scheme !== 'https') return false;
      request.scheme = scheme;
      return true;
    }
    case 'host':
    case ':authority': {
      const parsed = parseAuthority(value);
      if ('problem' in parsed) return false;
      request.authority = parsed.authority;
      if (request.scheme === '') request.scheme = 'http';
      return true;
    }
    case ':path':
      if (!isTarget(value)) return false;
      request.path = value;
      return true;
    default:
      return false;
  }
}

function setField(headers: Headers, name: string, value: string): boolean {
  if (!isToken(name) || !isFieldValue(value)) return false;
  headers.set(name, value);
  return true;
}

function appendField(headers: Headers, name: string, value: string): boolean {
  if (!isToken(name) || !isFieldValue(value)) return false;
  headers.append(name, value);
  return true;
}

/** RFC 9110 §5.6.2. */
function isToken(text: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text);
}

/** True for bytes that a field value may hold (RFC 9110 §5.5). */
export function isFieldValue(bytes: string): boolean {
  return !/[^\t\x20-\x7e\x80-\xff]/.test(bytes);
}

/** Path and query in origin form: visible ASCII, and no fragment (RFC 9112 §3.2.1). */
function isTarget(path: string): boolean {
  return /^\/[!-"$-~]*$/.test(path);
}
