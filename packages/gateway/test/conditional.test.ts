import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { verifies } from './verifies.ts';

const config = (host: string, policies: string) => `
gateways: { default: { port: PORT } }
routes: [ { backends: [ { host: "${host}" } ], policies: { ${policies} } } ]
`;

test('POL-68: an entry without a condition must be the last', async () => {
  verifies('POL-68');
  const listed = (entries: string) => config('127.0.0.1:1', `transformations: { conditional: [ ${entries} ] }`);
  const [always, sometimes] = ['{ request: {} }', `{ condition: 'true', request: {} }`];
  await expect(gateway(listed(`${always}, ${sometimes}`))).rejects.toThrow('entries without condition must be last');
  await using _ = await gateway(listed(`${sometimes}, ${always}`));
});

test('the first direct response whose condition holds; where none does the upstream is asked', async () => {
  await using echo = await EchoServer.start();
  const answers = `
    { condition: 'request.path == "/a"', status: 418, bodyExpression: 'request.path', headers: { x-from: '"a"' } },
    { condition: 'jwt.sub == "x"', status: 500 },
    { condition: 'request.method == "POST" && request.body == b"stop"', status: 403, body: stopped }`;
  await using gw = await gateway(config(echo.host, `directResponse: { conditional: [ ${answers} ] }`));
  const a = await ask(gw.port, { path: '/a' });
  expect([a.status, a.text, a.headers['x-from']]).toEqual([418, '/a', 'a']);
  expect(await ask(gw.port, { method: 'POST', body: 'stop' })).toMatchObject({ status: 403, text: 'stopped' });
  expect((await ask(gw.port, { method: 'POST', body: 'go' })).status).toBe(200);
  expect(echo.requests.map(({ body }) => body)).toEqual(['go']);
});

test('a share of the requests is failed or delayed by chance', async () => {
  await using echo = await EchoServer.start();
  const fault = (share: string) =>
    config(
      echo.host,
      `delay: { duration: 'random() < ${share} ? duration("1ms") : duration("0s")' },
       directResponse: { conditional: [ { condition: 'random() < ${share}', status: 503, body: fault } ] }`,
    );
  await using gw = await gateway(fault('0.0'));
  const statuses = async () => {
    const seen = new Set<number>();
    for (let i = 0; i < 5; i++) seen.add((await ask(gw.port)).status);
    return [...seen];
  };
  expect(await statuses()).toEqual([200]);
  await gw.reload(fault('1.0'));
  expect(await statuses()).toEqual([503]);
});

test('the response side is that of the entry which the request got', async () => {
  await using echo = await EchoServer.start();
  const entry = (name: string, condition: string) => `{ ${condition}
    request: { set: { x-entry: '"${name}"', ':path': '"/changed"' } },
    response: { set: { x-entry: '"${name}"' } } }`;
  const entries = `${entry('a', `condition: 'request.path == "/a"',`)}, ${entry('rest', '')}`;
  await using gw = await gateway(config(echo.host, `transformations: { conditional: [ ${entries} ] }`));
  const names = [];
  for (const path of ['/a', '/b']) names.push((await ask(gw.port, { path })).headers['x-entry']);
  expect([names, echo.requests.map(({ headers }) => headers['x-entry'])]).toEqual([
    ['a', 'rest'],
    ['a', 'rest'],
  ]);
});

test('rate limits by condition: a bucket for each entry, none for the others', async () => {
  await using echo = await EchoServer.start();
  const bucket = (tokens: number) => `maxTokens: ${tokens}, tokensPerFill: 1, fillInterval: 1h`;
  const entries = `
    { condition: 'request.headers["x-tier"] == "free"', ${bucket(1)} },
    { condition: 'request.headers["x-tier"] == "paid"', ${bucket(2)} }`;
  await using gw = await gateway(config(echo.host, `localRateLimit: { conditional: [ ${entries} ] }`));
  const say = async (tier: string) => {
    const answer = await ask(gw.port, { headers: { 'x-tier': tier } });
    return `${answer.status} ${answer.headers['x-ratelimit-remaining'] ?? 'unlimited'}`;
  };
  const seen = [];
  for (const tier of ['free', 'free', 'paid', 'paid', 'paid', 'staff', 'staff']) seen.push(await say(tier));
  expect(seen).toEqual(['200 0', '429 0', '200 1', '200 0', '429 0', '200 unlimited', '200 unlimited']);
});

test('keys that an expression finds are good, and stay in the request', async () => {
  await using echo = await EchoServer.start();
  const location = `location: { expression: 'request.pathAndQuery.query("key")[0]' }`;
  const policy = `apiKey: { mode: strict, keys: [ { key: k-1, metadata: { team: red } } ], ${location} },
    transformations: { request: { set: { x-team: apiKey.team } } }`;
  await using gw = await gateway(config(echo.host, policy));
  const statuses = [];
  for (const path of ['/?key=k-1', '/?key=wrong', '/']) statuses.push((await ask(gw.port, { path })).status);
  expect(statuses).toEqual([200, 401, 401]);
  expect(echo.requests[0]).toMatchObject({ url: '/?key=k-1', headers: { 'x-team': 'red' } });
});
