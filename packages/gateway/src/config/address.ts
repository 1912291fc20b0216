import { isIP } from 'node:net';
import type { Address } from '../resources/model.ts';
import type { ServerAddress } from '../resources/settings.ts';

const label = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;

/** Whether a text can be the name of a host. */
export function isHostName(text: string): boolean {
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  return name.length <= 253 && name.split('.').every((part) => label.test(part));
}

/** Host name as it is compared: lower case, no trailing dot. */
export function canonicalHost(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith('.') && lower.length > 1 ? lower.slice(0, -1) : lower;
}

/** Reads `host:port`, `[ipv6]:port` or `unix:/path`; undefined if it is none of them (spec 01 §2.2 `Target`). */
export function parseTarget(text: string): Address | undefined {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    return path.startsWith('/') && !path.includes('\0') ? { path } : undefined;
  }
  const split = splitHostPort(text);
  if (split === undefined || split.port === 0) return undefined;
  if (split.ip) return { host: split.host, port: split.port };
  return isHostName(split.host) ? { host: canonicalHost(split.host), port: split.port } : undefined;
}

/** An address with what its URL says of TLS. */
export interface UrlTarget {
  readonly address: Address;
  readonly tls: boolean;
}

/** Reads a target, or `http(s)://host[:port]` without a path (spec 01 §2.2 `TargetOrUri`), or says what is wrong. */
export function parseTargetOrUrl(text: string): UrlTarget | { readonly error: string } {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text);
  if (scheme === null) {
    const address = parseTarget(text);
    if (address !== undefined) return { address, tls: false };
    if (isHostName(text)) return { error: 'backend URL must include a scheme, or a port as in host:port' };
    return { error: 'invalid host:port; write host:port, [ipv6]:port, unix:/path or a URL' };
  }
  const protocol = (scheme[1] as string).toLowerCase();
  if (protocol !== 'http' && protocol !== 'https') return { error: 'backend URL scheme must be http or https' };
  const tls = protocol === 'https';
  const rest = text.slice(scheme[0].length);
  const slash = rest.search(/[/?#]/);
  if (slash >= 0 && rest.slice(slash) !== '/') return { error: 'backend URL paths are not supported' };
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  const address = parseTarget(authority) ?? parseTarget(`${authority}:${tls ? 443 : 80}`);
  if (address === undefined || 'path' in address) return { error: 'not the URL of a host; write https://host[:port]' };
  return { address, tls };
}

/** Where a server of the gateway itself listens, or why the text does not say. */
export type ParsedServerAddress = { readonly address: ServerAddress } | { readonly error: string };

/** Reads `off`, `unix:/path`, `localhost:PORT`, `IP:PORT` or `[v6]:PORT` (spec 01 §2.2 listener address). */
export function parseServerAddress(text: string): ParsedServerAddress {
  if (text === 'off') return { address: { off: true } };
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    if (path === '' || path.includes('\0')) return { error: 'expected a path after unix:' };
    return { address: { path } };
  }
  if (/^\d+$/.test(text)) return { error: `expected off, unix:/path, localhost:PORT or IP:PORT, not a bare port` };
  const split = splitHostPort(text);
  if (split === undefined) return { error: 'expected off, unix:/path, localhost:PORT or IP:PORT' };
  if (split.ip) return { address: { hosts: [split.host], port: split.port } };
  if (split.host !== 'localhost') return { error: 'expected an IP address or localhost before the port' };
  return { address: { hosts: ['127.0.0.1', '::1'], port: split.port } };
}

interface HostPort {
  readonly host: string;
  readonly port: number;
  readonly ip: boolean;
}

function splitHostPort(text: string): HostPort | undefined {
  const bracketed = text.startsWith('[');
  const end = bracketed ? text.indexOf(']') + 1 : text.indexOf(':');
  if (end <= 0 || text[end] !== ':') return undefined;
  const digits = text.slice(end + 1);
  if (!/^\d{1,5}$/.test(digits) || Number(digits) > 65535) return undefined;
  const host = bracketed ? text.slice(1, end - 1) : text.slice(0, end);
  const version = isIP(host);
  if (bracketed && version !== 6) return undefined;
  // 1.2.3.4.5 or 300.1.1.1 is a slip, never a name
  if (version === 0 && /^[\d.]+$/.test(host)) return undefined;
  return { host, port: Number(digits), ip: version !== 0 };
}
