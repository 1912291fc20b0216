import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import chromium, { inflate } from '@sparticuz/chromium';
import { chromium as launcher, type Page } from 'playwright-core';

/** The packaged browser is built for this architecture only. */
export const browserRuns = process.arch === 'x64';

/** A real browser with one page, headless; its own cookies, nothing kept. Its libraries come along: a bare machine has none. */
export async function openBrowser(): Promise<{ readonly page: Page; [Symbol.asyncDispose](): Promise<void> }> {
  const packaged = join(dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium')), '..', 'bin');
  const libraries = join(await inflate(join(packaged, 'al2023.tar.br')), 'lib');
  const browser = await launcher.launch({
    executablePath: await chromium.executablePath(packaged),
    args: chromium.args,
    headless: true,
    env: { ...process.env, LD_LIBRARY_PATH: libraries },
  });
  return { page: await browser.newPage(), [Symbol.asyncDispose]: () => browser.close() };
}
