import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test, type TestContext } from 'vitest';
import { browserMissing, startOfflineBrowser, type OfflineBrowser } from '../support/browser.ts';
import { fetchDocument, operationsOf } from '../support/openApi.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

const TIMEOUT_MS = 90_000;

let server: TestServer;
let browser: OfflineBrowser | undefined;

beforeAll(async () => {
  server = await startTestServer();
  if (browserMissing === null) browser = await startOfflineBrowser();
}, TIMEOUT_MS);
afterAll(async () => {
  await browser?.close();
  await server.dispose();
});

/** Skips the test where there is no browser; in CI one is installed, and its absence is a fault. */
function theBrowser(context: TestContext): OfflineBrowser {
  if (browser) return browser;
  const reason = browserMissing ?? 'the browser did not start';
  if (process.env['CI'] === 'true') throw new Error(reason);
  context.skip(reason);
}

/** Opens the block of an operation. */
async function open(page: Page, id: string): Promise<Locator> {
  const block = page.locator(`#operations-${id}`);
  await block.locator('.opblock-summary-control').click();
  await block.locator('button.execute').waitFor();
  return block;
}

/** Sends what stands in the form of a block, and reads the answer as it is shown. */
async function execute(block: Locator): Promise<{ status: string; body: unknown }> {
  await block.locator('button.execute').click();
  const shown = block.locator('.live-responses-table tbody');
  await shown.waitFor();
  return {
    status: (await shown.locator('.response-col_status').innerText()).trim().slice(0, 3),
    body: JSON.parse(await shown.locator('.response-col_description pre').first().innerText()),
  };
}

/** A page that may reach the server alone, and everything on it that went wrong. */
async function openPage(context: TestContext): Promise<{ page: Page; faults: string[] }> {
  const page = await theBrowser(context).context.newPage();
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
    const { page, faults } = await openPage(context);
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

    const models = await open(page, 'models-listModels');
    const answer = await fetch(`${server.url}/api/v1/models`);
    expect(await execute(models)).toEqual({ status: '200', body: await answer.json() });

    expect(faults).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  'a form of the page sends what was filled in, and of the rest the defaults',
  async (context) => {
    const { page, faults } = await openPage(context);
    await page.goto(`${server.url}/docs`);

    const separate = await open(page, 'tasks-separate');
    await separate
      .locator('input[type=file]')
      .setInputFiles({ name: 'song.wav', mimeType: 'audio/wav', buffer: Buffer.from(makeWav(0.5)) });
    const submitted = await execute(separate);
    expect(submitted).toMatchObject({
      status: '201',
      body: {
        input: { filename: 'song.wav', bytes: makeWav(0.5).byteLength },
        parameters: {
          instruments: ['drums', 'bass', 'other'],
          use_tta: false,
          bigshifts: 1,
          num_overlap: null,
        },
      },
    });
    const { task_id } = submitted.body as { task_id: string };

    const list = await open(page, 'tasks-listTasks');
    expect(await execute(list)).toMatchObject({ status: '200', body: { tasks: [{ task_id }] } });
    expect(faults).toEqual([]);
  },
  TIMEOUT_MS,
);
