import { z } from 'zod';
import { canonicalHost, isHostName, parseTarget, parseTargetOrUrl } from '../address.ts';
import { closed } from './closed.ts';

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const pseudo = [':method', ':scheme', ':authority', ':path'];

function integer(max: number, name: string) {
  const message = `expected an integer from 0 to ${max} (${name})`;
  return z
    .int({ error: (issue) => (issue.input === undefined ? undefined : message) })
    .min(0, message)
    .max(max, message);
}

/** Port or other number of 16 bits. */
export function u16() {
  return integer(65535, 'u16');
}

/** Number of 32 bits. */
export function u32() {
  return integer(4294967295, 'u32');
}

/** Number of bytes, or of things, that JavaScript counts exactly. */
export function uint() {
  return integer(Number.MAX_SAFE_INTEGER, 'uint');
}

/** HTTP status as a number. */
export function status() {
  const message = 'expected a status from 100 to 999';
  return z
    .int({ error: (issue) => (issue.input === undefined ? undefined : message) })
    .min(100, message)
    .max(999, message);
}

/** Text that is not empty. */
export function name() {
  return z.string().min(1);
}

/** `host:port`, `[ipv6]:port` or `unix:/path`; the output is an address. */
export function target() {
  return z.string().transform((text, context) => {
    const address = parseTarget(text);
    if (address !== undefined) return address;
    context.addIssue({ code: 'custom', message: 'invalid host:port; write host:port, [ipv6]:port or unix:/path' });
    return z.NEVER;
  });
}

/** A {@link target}, or a URL without a path whose scheme says whether TLS is spoken; the output is a `UrlTarget`. */
export function targetOrUrl() {
  return z.string().transform((text, context) => {
    const parsed = parseTargetOrUrl(text);
    if ('address' in parsed) return parsed;
    context.addIssue({ code: 'custom', message: parsed.error });
    return z.NEVER;
  });
}

/** Whether a text is the name of a header (RFC 9110 §5.1). */
export function isHeaderName(text: string): boolean {
  return token.test(text);
}

/** Name of a header; the output is in lower case (RFC 9110 §5.1). */
export function headerName() {
  return z
    .string()
    .refine(isHeaderName, 'not a header name')
    .transform((text) => text.toLowerCase());
}

/** Name of a header or of the pseudo header of a request. */
export function headerOrPseudo() {
  return z
    .string()
    .refine(
      (text) => token.test(text) || pseudo.includes(text),
      'not a header name, nor one of :method, :scheme, :authority, :path',
    )
    .transform((text) => text.toLowerCase());
}

/** Whether a text can be sent as a header's value (RFC 9110 §5.5): no control characters, no spaces at its ends. */
export function isHeaderValue(text: string): boolean {
  return !/[^\t\x20-\x7e\x80-\xff]/.test(text) && text === text.trim();
}

/** Host name of a listener or a route; the output is in lower case without a trailing dot. */
export function hostname() {
  return z.string().transform((text, context) => {
    const bare = text.startsWith('*.') ? text.slice(2) : text;
    if (text === '' || text === '*' || isHostName(bare)) return canonicalHost(text);
    context.addIssue({ code: 'custom', message: 'not a host name; write a name, or *.suffix without a port' });
    return z.NEVER;
  });
}

/** Content of a secret: a text, or the trimmed content of a file. */
export function fileOrInline() {
  return z.union([z.string(), closed({ file: name() })]);
}
