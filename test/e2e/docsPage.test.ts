import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { browserMissing, startOfflineBrowser, type OfflineBrowser } from '../support/browser.ts';
import { fetchDocument, operationsOf } from '../support/openApi.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';

const TIMEOUT_MS = 90_000;

let server: TestServer;
let browser: OfflineBrowser | undefined;

beforeAll(async () => {
  // Where the browser is promised, its absence is a fault and no reason to look away.
  if (browserMissing !== null && process.env['CI'] === 'true') throw new Error(browserMissing);
  server = await startTestServer();
  if (browserMissing === null) browser = await startOfflineBrowser();
}, TIMEOUT_MS);
afterAll(async () => {
  await browser?.close();
  await server.dispose();
});

/** A page that may reach the server alone, and everything on it that went wrong. */
async function openPage({ context }: OfflineBrowser): Promise<{ page: Page; faults: string[] }> {
  const page = await context.newPage();
  const faults: string[] = [];
  await page.route('**/*', (route) => {
    const url = route.request().url();
    if (url.startsWith(`${server.url}/`) || url.startsWith('data:')) return route.continue();
    faults.push(`it asked for ${url}`);
    return route.abort();
  });
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('requestfailed', (request) => {
    faults.push(`${request.url()}: ${request.failure()?.errorText ?? 'failed'}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) faults.push(`${response.url()}: ${String(response.status())}`);
  });
  return { page, faults };
}

test(
  'a browser without internet shows every operation, and gets an answer by "Execute"',
  async (context) => {
    if (!browser) {
      context.skip(browserMissing ?? undefined);
      return;
    }
    const { page, faults } = await openPage(browser);
    await page.goto(`${server.url}/docs`);
    await page.locator('.opblock').first().waitFor();

    const shown = await page.locator('.opblock').evaluateAll((blocks) =>
      blocks.map((block) =>
        ['.opblock-summary-method', '.opblock-summary-path'].map((part) =>
          // Long paths hold zero-width spaces, at which they may break.
          (block.querySelector(part)?.textContent ?? '').replaceAll(/[\s\u200b]/g, ''),
        ),
      ),
    );
    const documented = operationsOf(await fetchDocument(server.url));
    expect(shown.map((parts) => parts.join(' ')).sort()).toEqual(
      documented.map(({ method, path }) => `${method} ${path}`).sort(),
    );

    const models = page.locator('#operations-models-listModels');
    await models.locator('.opblock-summary-control').click();
    await models.locator('button.execute').click();
    const body = models.locator('.live-responses-table .response-col_description pre').first();
    await body.waitFor();
    expect(await models.locator('.live-responses-table .response-col_status').last().innerText()).toContain(
      '200',
    );
    const answer = await fetch(`${server.url}/api/v1/models`);
    expect(JSON.parse(await body.innerText())).toEqual(await answer.json());

    expect(faults).toEqual([]);
  },
  TIMEOUT_MS,
);
