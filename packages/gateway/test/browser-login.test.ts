import { once } from 'node:events';
import http from 'node:http';
import Provider from 'oidc-provider';
import { expect, test } from 'vitest';
import { browserRuns, openBrowser } from './support/browser.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { freePort } from './support/ports.ts';

/** An identity provider of its own kind, whose development pages take any name and password. */
async function startProvider(redirectUri: string) {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, {
    clients: [
      { client_id: 'web', client_secret: 's3cret', redirect_uris: [redirectUri], grant_types: ['authorization_code'] },
    ],
    cookies: { keys: ['test'] },
    pkce: { required: () => true },
  });
  const server = http.createServer(provider.callback());
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    issuer,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

// Elsewhere there is no browser to be had from npm; the logins of `oidc.test.ts` run everywhere.
test.skipIf(!browserRuns)('a browser logs in at a real provider', { timeout: 60_000 }, async () => {
  const port = await freePort();
  await using upstream = await EchoServer.start();
  await using provider = await startProvider(`http://127.0.0.1:${port}/oauth/callback`);
  await using _under = await gateway(
    `
gateways: { default: { port: ${port} } }
routes:
- policies:
    oidc:
      issuer: "${provider.issuer}"
      clientId: web
      clientSecret: s3cret
      redirectURI: "http://127.0.0.1:${port}/oauth/callback"
    authorization: { rules: [ 'jwt.sub == "ann"' ] }
  backends: [ { host: "${upstream.host}" } ]
`,
    { env: { OIDC_COOKIE_SECRET: 'ab'.repeat(32) } },
  );
  await using browser = await openBrowser();
  const { page } = browser;
  await page.goto(`http://127.0.0.1:${port}/app?x=1`);
  expect(page.url()).toMatch(`${provider.issuer}/interaction/`);
  await page.fill('input[name=login]', 'ann');
  await page.fill('input[name=password]', 'any');
  await page.click('button[type=submit]');
  await page.waitForURL(/interaction/);
  await page.click('button[type=submit]');
  await page.waitForURL(`http://127.0.0.1:${port}/app?x=1`);
  expect(upstream.requests.map(({ url }) => url)).toEqual(['/app?x=1']);
  const names = (await page.context().cookies(`http://127.0.0.1:${port}`)).map(({ name }) => name);
  expect(names.filter((name) => name.startsWith('agw_oidc_s_'))).toHaveLength(1);
  expect(names.filter((name) => name.startsWith('agw_oidc_t_'))).toEqual([]);
  await page.goto(`http://127.0.0.1:${port}/again`);
  expect(upstream.requests.at(-1)?.url).toBe('/again');
  expect(JSON.stringify(upstream.requests)).not.toContain('agw_oidc_');
});
