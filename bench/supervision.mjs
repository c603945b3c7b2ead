// What supervision costs, and how soon it acts, each figure with its aim.
// node bench/supervision.mjs [crash] [restart] [cancel] [boundary] [gap] [orphans]
import { runBench } from './prepare.mjs';
import { printHeader, printTable } from './report.mjs';
import { measureBoundary } from './supervision/boundary.mjs';
import { measureCancel } from './supervision/cancel.mjs';
import { measureCrash } from './supervision/crash.mjs';
import { toRow } from './supervision/figure.mjs';
import { measureGap } from './supervision/gap.mjs';
import { measureOrphans } from './supervision/orphans.mjs';
import { measureRestart } from './supervision/restart.mjs';

const PARTS = {
  crash: measureCrash,
  restart: measureRestart,
  cancel: measureCancel,
  boundary: measureBoundary,
  gap: measureGap,
  orphans: measureOrphans,
};

await runBench(async (bench) => {
  const asked = process.argv.slice(2);
  printHeader(['node bench/supervision.mjs', ...asked].join(' '));
  const figures = [];
  for (const [name, measure] of Object.entries(PARTS)) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    process.stderr.write(`${name}…\n`);
    figures.push(...(await measure(bench)));
  }
  printTable(figures.map(toRow));
});
