import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import { secret } from '../../resources/secret.ts';
import { noPorts, testExchange } from '../testing.ts';
import { parseHtpasswd } from './htpasswd.ts';
import { Passwords } from './passwords.ts';
import { SlowHashes, TooManyWaiting } from './slow-hashes.ts';
import type { BasicAuthSpec } from './spec.ts';
import { compileBasicAuth } from './step.ts';

const file = parseHtpasswd(readFileSync(new URL('./fixtures/htpasswd', import.meta.url), 'utf8'));
const users = Array.from(file, ([name, hash]) => ({ name, hash: secret(hash) }));
const spec: BasicAuthSpec = {
  realm: 'Restricted',
  mode: 'strict',
  location: { header: { name: 'authorization', prefix: 'Basic ' } },
  users,
};
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

async function run(options: Partial<BasicAuthSpec>, value?: string, name = 'authorization') {
  using slow = new SlowHashes();
  const exchange = testExchange({ headers: value === undefined ? [] : [[name, value]] });
  const result = await compileBasicAuth({ ...spec, ...options }, noPorts, slow)(exchange);
  return {
    answer: result instanceof GatewayError ? `${result.status} ${result.reason} ${result.message}` : result,
    queued: [...(exchange.responseHeaders ?? [])],
    basicAuth: exchange.basicAuth,
    sent: [...exchange.request.headers],
  };
}

const wrong = '401 BasicAuth basic authentication failure: invalid credentials';

test.each(['sha', 'apr1', 'bcrypt'])('a right password is accepted and stripped: %s', async (user) => {
  expect(await run({}, basic(`${user}:${user}-password`).replace('Basic', 'bAsIc'))).toEqual({
    answer: undefined,
    queued: [],
    basicAuth: { username: user },
    sent: [],
  });
});

test.each(['sha:nope', 'apr1:nope', 'nobody:nope', 'bob:plaintext', 'no colon', '\xff', ':', ''])(
  'POL-18: %j is refused in either mode',
  async (text) => {
    verifies('POL-18');
    const value = text === '\xff' ? `Basic ${Buffer.from(text, 'latin1').toString('base64')}` : basic(text);
    for (const mode of ['strict', 'optional'] as const) {
      if (text === '') continue;
      expect(await run({ mode }, value)).toMatchObject({
        answer: wrong,
        queued: [['www-authenticate', 'Basic realm="Restricted"']],
        basicAuth: null,
        sent: [['authorization', value]],
      });
    }
  },
);

test.each(['Basic !!!', 'Basic YTpi YTpi', 'Basic YTp'])('%s is no base64', async (value) => {
  expect((await run({}, value)).answer).toBe(wrong);
});

test('POL-16: none at all is refused if one is wanted, in the words of the realm', async () => {
  verifies('POL-16');
  const none = '401 BasicAuth basic authentication failure: no basic authentication credentials found';
  expect(await run({})).toMatchObject({
    answer: none,
    queued: [['www-authenticate', 'Basic realm="Restricted"']],
  });
  expect((await run({}, 'Bearer x')).answer).toBe(none);
  expect((await run({ mode: 'optional' })).answer).toBeUndefined();
  expect((await run({ realm: 'a "b" \\' })).queued).toEqual([['www-authenticate', 'Basic realm="a \\"b\\" \\\\"']]);
});

test.each([{ prefix: 'Basic ' }, {}])('POL-17: as a proxy it asks for proxy authentication (%j)', async (prefix) => {
  verifies('POL-17');
  const location = { header: { name: 'proxy-authorization', ...prefix } };
  expect(await run({ location }, basic('sha:nope'), 'proxy-authorization')).toMatchObject({
    answer: '407 BasicAuth basic authentication failure: invalid credentials',
    queued: [['proxy-authenticate', 'Basic realm="Restricted"']],
  });
  expect(await run({ location }, basic('sha:sha-password'), 'proxy-authorization')).toMatchObject({
    answer: undefined,
    sent: [],
  });
});

test('quick hashes cost no promise, and slow ones cost it once', async () => {
  const asked: string[] = [];
  const slow = {
    verify(password: string) {
      asked.push(password);
      return Promise.resolve(password === 'right');
    },
  };
  const passwords = new Passwords(users, slow);
  expect(passwords.check('sha', 'sha-password')).toBe(true);
  expect(await Promise.all([passwords.check('apr1', 'right'), passwords.check('apr1', 'right')])).toEqual([true, true]);
  expect(passwords.check('apr1', 'right')).toBe(true);
  expect(await passwords.check('apr1', 'wrong')).toBe(false);
  expect(await passwords.check('bcrypt', 'right')).toBe(true);
  expect(asked).toEqual(['right', 'wrong', 'right']);
});

test('who is no user is refused no sooner than who is', async () => {
  const asked: string[] = [];
  const slow = {
    verify(_password: string, hash: string) {
      asked.push(hash);
      return Promise.resolve(true);
    },
  };
  expect(await new Passwords(users, slow).check('nobody', 'x')).toBe(false);
  expect(asked).toEqual([file.get('apr1')]);
  expect(new Passwords([], slow).check('nobody', 'x')).toBe(false);
});

test('the thread ends with its owner, and those that wait are told', async () => {
  const slow = new SlowHashes();
  expect(slow.running).toBe(false);
  expect(await slow.verify('apr1-password', file.get('apr1') as string)).toBe(true);
  expect(slow.running).toBe(true);
  const waiting = slow.verify('x', file.get('sha512') as string);
  slow[Symbol.dispose]();
  await expect(waiting).rejects.toThrow('nobody waits for it');
  expect(slow.running).toBe(false);
});

test('no more wait than there is room for', async () => {
  using slow = new SlowHashes();
  const asked = Array.from({ length: 1_001 }, () => slow.verify('x', '{SHA}x'));
  const outcomes = await Promise.allSettled(asked);
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1);
  expect(outcomes.at(-1)).toMatchObject({ reason: expect.any(TooManyWaiting) });
  const step = compileBasicAuth(spec, noPorts, {
    verify: () => Promise.reject(new TooManyWaiting('too many passwords are being checked')),
  });
  const result = await step(testExchange({ headers: [['authorization', basic('apr1:x')]] }));
  expect(result).toMatchObject({ code: 'processingFailed', status: 503 });
});
