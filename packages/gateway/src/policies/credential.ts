import type { Request } from '@agentgateway/http';
import type { Exchange } from '../pipeline/exchange.ts';
import { isFieldValue } from '../pipeline/header-mutation.ts';
import type { Ports } from '../pipeline/step.ts';
import { fromBytes, toBytes } from '../resources/routing/text.ts';
import { cookieName, cookiesOf, setCookies } from './cookies.ts';
import type { CredentialLocation, CredentialSource } from './credential-location.ts';

/** Where a credential stands if nobody says otherwise. */
export const bearerLocation: CredentialLocation = { header: { name: 'authorization', prefix: 'Bearer ' } };

/**
 * How a policy finds the credential of a request: as text, or null. What an expression gives counts if it is a string, bool, int or bytes
 * (spec 04 §6); nothing else, and no error, is a credential.
 */
export function compileExtraction(
  source: CredentialSource,
  ports: Pick<Ports, 'expression' | 'values'>,
): (exchange: Exchange) => string | null {
  if (!('expression' in source)) return ({ request }) => extractCredential(request, source);
  const program = ports.expression(source.expression);
  const { values } = ports;
  return (exchange) => {
    const value = program.evaluate(exchange.variables);
    const usable = typeof value !== 'object' || value instanceof Uint8Array || values.integerOf(value) !== null;
    return usable ? nonEmpty(values.scalarOf(value)) : null;
  };
}

/** The credential that stands at a location, as text, or null (spec 03 §3.1). An empty one is none. */
export function extractCredential(request: Request, location: CredentialLocation): string | null {
  if ('header' in location) {
    const value = request.headers.get(location.header.name);
    if (value === undefined) return null;
    return nonEmpty(withoutPrefix(fromBytes(value), location.header.prefix ?? ''));
  }
  if ('queryParameter' in location) {
    const { name } = location.queryParameter;
    const found = parametersOf(request.path).find((parameter) => decodedName(parameter) === name);
    return found === undefined ? null : nonEmpty(decodedValue(found));
  }
  const { name } = location.cookie;
  const found = cookiesOf(request.headers).find((cookie) => cookieName(cookie) === name);
  return found === undefined ? null : nonEmpty(fromBytes(found.slice(found.indexOf('=') + 1).trim()));
}

/**
 * Takes the credential off the request, so that it goes no further: every value of the field, parameter or cookie. What an expression read
 * stays where it is.
 */
export function removeCredential(request: Request, location: CredentialSource): void {
  if ('expression' in location) return;
  if ('header' in location) {
    request.headers.delete(location.header.name);
  } else if ('queryParameter' in location) {
    request.path = withoutParameter(request.path, location.queryParameter.name);
  } else {
    const { name } = location.cookie;
    const cookies = cookiesOf(request.headers);
    const kept = cookies.filter((cookie) => cookieName(cookie) !== name);
    if (kept.length < cookies.length) setCookies(request.headers, kept);
  }
}

/** A path and query without any parameter of a name; the others keep their bytes. */
export function withoutParameter(path: string, name: string): string {
  const parameters = parametersOf(path);
  const kept = parameters.filter((parameter) => decodedName(parameter) !== name);
  return kept.length < parameters.length ? withParameters(path, kept) : path;
}

/**
 * Compiles the insertion of one credential. What the client sent under the same name is replaced: it must not be able to
 * put its own in front.
 *
 * @returns null if the credential cannot stand there (a line break in a header).
 */
export function compileCredential(location: CredentialLocation, value: string): ((request: Request) => void) | null {
  if ('header' in location) {
    const { name, prefix = '' } = location.header;
    const field = toBytes(prefix + value);
    if (!isFieldValue(field)) return null;
    return ({ headers }) => headers.set(name, field);
  }
  if ('queryParameter' in location) {
    const { name } = location.queryParameter;
    const parameter = `${encodeURIComponent(name)}=${encodeURIComponent(value)}`;
    return (request) => {
      removeCredential(request, location);
      request.path = withParameters(request.path, [...parametersOf(request.path), parameter]);
    };
  }
  const cookie = toBytes(`${location.cookie.name}=${value}`);
  if (!isFieldValue(cookie) || cookie.includes(';')) return null;
  return (request) => {
    removeCredential(request, location);
    setCookies(request.headers, [...cookiesOf(request.headers), cookie]);
  };
}

/** Puts a credential that changes with the request; false, and nothing is done, if it cannot stand there. */
export function insertCredential(request: Request, location: CredentialLocation, value: string): boolean {
  const insert = compileCredential(location, value);
  if (insert === null) return false;
  insert(request);
  return true;
}

function nonEmpty(credential: string | null): string | null {
  return credential === '' ? null : credential;
}

function withoutPrefix(value: string, prefix: string): string | null {
  if (prefix === '') return value;
  if (value.length < prefix.length) return null;
  const start = value.slice(0, prefix.length);
  return start === prefix || start.toLowerCase() === prefix.toLowerCase() ? value.slice(prefix.length) : null;
}

/** The parameters of a query as they were sent. */
function parametersOf(path: string): string[] {
  const mark = path.indexOf('?');
  return mark < 0 || mark === path.length - 1 ? [] : path.slice(mark + 1).split('&');
}

function withParameters(path: string, parameters: readonly string[]): string {
  const mark = path.indexOf('?');
  const bare = mark < 0 ? path : path.slice(0, mark);
  return parameters.length === 0 ? bare : `${bare}?${parameters.join('&')}`;
}

function decodedName(parameter: string): string {
  const equals = parameter.indexOf('=');
  return formDecode(equals < 0 ? parameter : parameter.slice(0, equals));
}

function decodedValue(parameter: string): string {
  const equals = parameter.indexOf('=');
  return equals < 0 ? '' : formDecode(parameter.slice(equals + 1));
}

function formDecode(bytes: string): string {
  if (!/[+%\x80-\xff]/.test(bytes)) return bytes;
  // The platform's form decoding, made to read one value: nothing in it is taken for a separator.
  return new URLSearchParams(`v=${fromBytes(bytes).replaceAll('&', '%26')}`).get('v') ?? '';
}
