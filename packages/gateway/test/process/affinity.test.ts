import { Agent, request } from 'undici';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/index.ts';
import type { Resource } from '../../src/resources/model.ts';
import { Supervisor } from '../../src/runtime/supervisor.ts';
import { freePort } from '../support/ports.ts';

interface Echo {
  readonly owner: number;
  readonly cameTo: number;
  readonly count: number;
}

test('a session is served by the worker that it lives in, whichever worker its requests come to', async () => {
  const port = await freePort();
  const loaded = await loadConfig({
    text: `{ config: { workerThreads: 2 }, gateways: { default: { port: ${port} } }, routes: [ { backends: [ { host: "127.0.0.1:1" } ] } ] }`,
    file: 'test.yaml',
    env: {},
    compileRegex: () => ({ ok: true, regex: undefined as never }),
  });
  if (!loaded.ok) throw new Error('the configuration is wrong');
  const resources = loaded.resources.map(
    (resource): Resource =>
      resource.kind === 'backend'
        ? { ...resource, target: { type: 'extension', name: 'sessionEcho', options: {} } }
        : resource,
  );
  const log = { error() {}, warn() {}, info() {}, debug() {} };
  const extensions = [new URL('../support/session-echo.ts', import.meta.url).href];
  const settings = { ...loaded.settings, logging: { ...loaded.settings.logging, level: 'request=off' } };
  const supervisor = new Supervisor({ settings, log, extensions });
  await supervisor.start();
  await supervisor.replace('test', resources);

  /** Over a connection of its own, which any worker may accept. */
  const call = async (session?: string) => {
    const dispatcher = new Agent();
    const { statusCode, headers, body } = await request(`http://127.0.0.1:${port}/`, {
      dispatcher,
      ...(session === undefined ? {} : { headers: { 'x-session': session } }),
    });
    const text = await body.text();
    await dispatcher.close();
    return { statusCode, session: headers['x-session'] as string, text };
  };
  const begun = await call();
  const { owner } = JSON.parse(begun.text) as Echo;
  const cameTo = new Set<number>();
  let count = 1;
  while (cameTo.size < 2) {
    const echo = JSON.parse((await call(begun.session)).text) as Echo;
    expect(echo).toMatchObject({ owner, count: ++count });
    cameTo.add(echo.cameTo);
  }
  expect((await call(`${begun.session}x`)).statusCode).toBe(404);
  await supervisor.close();
});
