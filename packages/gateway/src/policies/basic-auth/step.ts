import { Headers } from '@agentgateway/http';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { Ports, Step, StepResult } from '../../pipeline/step.ts';
import { toBytes } from '../../resources/routing/text.ts';
import { compileExtraction, removeCredential, withoutParameter } from '../credential.ts';
import { Passwords, type SlowVerifier } from './passwords.ts';
import { SlowHashes, TooManyWaiting } from './slow-hashes.ts';
import type { BasicAuthSpec } from './spec.ts';

/** One for all policies of a worker. */
const slowHashes = new SlowHashes();

/**
 * `basicAuth` (spec 03 §4.2, RFC 7617): who shows the password of a user of the htpasswd file is that user, and the password goes
 * no further. Wrong credentials are refused in either mode; without any, `optional` lets pass.
 *
 * Where they stand in `proxy-authorization` the gateway answers as the proxy that it then is (RFC 9110 §11.7): 407.
 */
export function compileBasicAuth(spec: BasicAuthSpec, ports: Ports, slow: SlowVerifier = slowHashes): Step {
  const { location, mode } = spec;
  const extract = compileExtraction(location, ports);
  const passwords = new Passwords(spec.users, slow);
  const asProxy = 'header' in location && location.header.name === 'proxy-authorization';
  const challenge = toBytes(`Basic realm="${spec.realm.replace(/["\\]/g, '\\$&')}"`);

  const refuse = (exchange: Exchange, detail: string) => {
    exchange.responseHeaders ??= new Headers();
    exchange.responseHeaders.append(asProxy ? 'proxy-authenticate' : 'www-authenticate', challenge);
    return new GatewayError(asProxy ? 'proxyBasicAuth' : 'basicAuth', { detail });
  };

  const conclude = (exchange: Exchange, user: string, right: boolean): StepResult => {
    if (!right) return refuse(exchange, wrong);
    removeCredential(exchange.request, location);
    exchange.basicAuth = { username: user };
    return undefined;
  };

  return (exchange: Exchange) => {
    const { record } = exchange;
    const shown = extract(exchange);
    if (shown === null) {
      if (mode === 'optional') return undefined;
      return refuse(exchange, 'no basic authentication credentials found');
    }
    if ('queryParameter' in location) record.path = withoutParameter(record.path, location.queryParameter.name);
    const credentials = decode(shown);
    if (credentials === null) return refuse(exchange, wrong);
    const [user, password] = credentials;
    const right = passwords.check(user, password);
    if (typeof right === 'boolean') return conclude(exchange, user, right);
    return right.then((answer) => conclude(exchange, user, answer), failed);
  };
}

const wrong = 'invalid credentials';

function failed(error: unknown): GatewayError {
  if (!(error instanceof TooManyWaiting)) throw error;
  return new GatewayError('processingFailed', { detail: error.message, cause: error });
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** User and password, or null for what is not base64 of UTF-8 with a colon in it. */
function decode(shown: string): readonly [user: string, password: string] | null {
  // A place that was configured without the prefix may still be sent with it; no base64 holds a space.
  const text = shown.slice(0, 6).toLowerCase() === 'basic ' ? shown.slice(6).trim() : shown;
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return null;
  try {
    const decoded = utf8.decode(Buffer.from(text, 'base64'));
    const colon = decoded.indexOf(':');
    return colon < 0 ? null : [decoded.slice(0, colon), decoded.slice(colon + 1)];
  } catch {
    return null;
  }
}
