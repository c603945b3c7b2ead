/** Servers that are killed at random points of their tasks' paths, and what is left of their promises afterwards. */
import { expect, test } from 'vitest';
import { SERVER_POINTS, WORKER_POINTS } from '../support/killTest/points.mjs';
import { runSeeds } from '../support/killTest/seeds.mjs';
import { mediaPython } from '../support/python.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

const SEEDS = Number(process.env['KILL_TEST_SEEDS'] ?? 50);
const FIRST = Number(process.env['KILL_TEST_FIRST'] ?? 1);
/** A busy machine needs this long for one, beside the other that runs at the same time. */
const SEED_MS = 10_000;

test(
  `in ${String(SEEDS)} runs of kills at random points every accepted task ends once, its files are whole, no other file and no process is left, and the totals are right`,
  async () => {
    const folder = process.env['KILL_TEST_FOLDER'] ?? (await temporaryFolder());
    const summary = await runSeeds({ first: FIRST, count: SEEDS, atOnce: 3, media: mediaPython, folder });
    // First, because each names its seed: KILL_TEST_FIRST=<seed> KILL_TEST_SEEDS=1 makes the same choices again.
    expect(summary.breaches).toEqual([]);
    expect(summary).toMatchObject({ seeds: SEEDS, lost: 0, doubled: 0, orphans: 0, strays: 0, others: 0 });
    expect(summary.tasks).toBeGreaterThan(SEEDS);
    // A preload that no longer finds its points would find no fault either.
    const reached = new Set(Object.keys(summary.kills).map((what) => what.replace(/ [(].*/, '')));
    const points = [...SERVER_POINTS, ...WORKER_POINTS].filter((point) => reached.has(point));
    if (SEEDS < 50) return;
    expect(points.length).toBeGreaterThanOrEqual(25);
    if (SEEDS < 200) return;
    expect(points.length).toBeGreaterThanOrEqual(30);
    expect(summary.ends['of it poison']).toBeGreaterThan(0);
  },
  60_000 + SEEDS * SEED_MS,
);
