import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { chromium, type BrowserContext } from 'playwright-core';

const executablePath = process.env['MSST_SERVE_TEST_CHROMIUM'] ?? '/usr/bin/chromium';

/** Why no browser can be started here; null: one can. */
export const browserMissing = existsSync(executablePath)
  ? null
  : `there is no Chromium at ${executablePath}; MSST_SERVE_TEST_CHROMIUM names another`;

/** A browser that reaches this machine and nothing else, with a profile of its own. */
export interface OfflineBrowser {
  context: BrowserContext;
  close(): Promise<void>;
}

/** Starts one. */
export async function startOfflineBrowser(): Promise<OfflineBrowser> {
  const profile = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // No name leads anywhere; the server is reached by its address.
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ],
  });
  return {
    context,
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
