import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeFolder, removeFolders } from './clone.ts';
import { ended, fetchNpm, npmVersions, type Ended } from './npmVersions.ts';

const projectRoot = path.resolve(import.meta.dirname, '..', '..');
const timeout = 120_000;
let folder: string;
let fetched: Map<string, Awaited<ReturnType<typeof fetchNpm>>>;

beforeAll(async () => {
  folder = makeFolder();
  const fetches = npmVersions.map(
    async (version) => [version, await fetchNpm(version, path.join(folder, version))] as const,
  );
  fetched = new Map(await Promise.all(fetches));
}, timeout);

afterAll(removeFolders);

/** A folder with what `npm ci` reads of the project; `change` edits the lock file's packages. */
function manifests(change: (packages: Record<string, unknown>) => void = () => undefined): string {
  const target = mkdtempSync(path.join(folder, 'project-'));
  for (const file of ['package.json', '.npmrc']) {
    copyFileSync(path.join(projectRoot, file), path.join(target, file));
  }
  const lock = readLock();
  change(lock.packages);
  writeFileSync(path.join(target, 'package-lock.json'), JSON.stringify(lock));
  return target;
}

function readLock(): { packages: Record<string, unknown> } {
  return JSON.parse(readFileSync(path.join(projectRoot, 'package-lock.json'), 'utf8'));
}

function cleanInstall(cli: string, project: string): Promise<Ended> {
  const quiet = ['--loglevel=warn', '--ignore-scripts', '--no-audit', '--no-fund', '--fetch-retries=1'];
  return ended(process.execPath, [cli, 'ci', '--dry-run', ...quiet], project);
}

test.for(npmVersions)(
  'npm %s takes the lock file as it is, and refuses one that lacks a package',
  { timeout },
  async (version, { skip }) => {
    const npm = fetched.get(version);
    if (npm === undefined || 'why' in npm) return skip(npm?.why);
    const whole = await cleanInstall(npm.cli, manifests());
    expect(whole.code, whole.output).toBe(0);

    const broken = await cleanInstall(
      npm.cli,
      manifests((packages) => delete packages['node_modules/hono']),
    );
    expect(broken.code).not.toBe(0);
    expect(broken.output).toContain('Missing: hono@');
  },
);

test('the lock file names no host to download from, so that every registry and mirror serves it', () => {
  const named = Object.entries(readLock().packages).filter(
    ([, entry]) => entry instanceof Object && 'resolved' in entry,
  );
  expect(named).toEqual([]);
});
