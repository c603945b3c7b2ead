/** The bench of a queue, small: that it runs and what it prints; its figures are no matter of a test. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { enginePython, mediaPython } from '../support/python.ts';
import { projectRoot } from '../support/serverProcess.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

const TEST_MS = 300_000;
const bench = (...args: string[]) =>
  promisify(execFile)(process.execPath, [path.join(projectRoot, 'bench', 'run.mjs'), ...args], {
    cwd: projectRoot,
    env: {
      ...process.env,
      MSST_SERVE_INTERNAL_MEDIA_PYTHON: mediaPython,
      MSST_SERVE_INTERNAL_ENGINE_PYTHON: enginePython,
    },
  });

test(
  'the bench of a queue prints a table and writes figures: our server makes the forward calls of the floor, and the table says what it took beyond them',
  async () => {
    const json = path.join(await temporaryFolder(), 'figures.json');
    const songs = ['--model', 'starter', '--count', '2', '--seconds', '4'];
    const { stdout } = await bench(...songs, '--only', 'floor,ours', '--json', json);
    expect(stdout).toMatch(/^\| +row \| +wall s \| +× floor \|/m);
    expect(stdout).toMatch(/^\| +floor \|/m);
    expect(stdout).toMatch(/^\| +msst-serve, over HTTP \| +[\d.]+ \| +[\d.]+ \| +[\d.]+ \|.* % \|$/m);

    const { models } = JSON.parse(await readFile(json, 'utf8'));
    expect(models).toHaveLength(1);
    const { floors, figures } = models[0];
    expect(figures).toHaveLength(1);
    const [ours] = figures;
    expect(ours.failure).toBeUndefined();
    expect(floors[0].calls).toEqual([2, 2]);
    expect(ours.forwardCalls).toBe(4);
    expect(ours.gapsMs).toHaveLength(1);
    expect(ours.wallSeconds).toBeGreaterThan(ours.forwardSeconds);
    expect(ours.firstSeconds).toBeLessThan(ours.wallSeconds);
    expect(ours.cpuSeconds).toBeGreaterThan(ours.nodeCpuSeconds);
    expect(ours.peakBytes).toBeGreaterThan(100_000_000);
  },
  TEST_MS,
);

test('a row that there is not is refused with those there are', async () => {
  await expect(bench('--only', 'floor,theirs')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^--only has no theirs; there is floor, cli-file, .*ours\.\n/),
  });
});
