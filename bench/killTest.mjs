// Kills servers, workers and both at random points, again and again, and says what is left of their promises.
import { runSeeds } from '../test/support/killTest/seeds.mjs';
import { runBench } from './prepare.mjs';
import { printHeader, printTable } from './report.mjs';

const SAY_EVERY = 100;
const [count = 10_000, first = 1, atOnce = 3] = process.argv.slice(2).map(Number);

await runBench(async ({ folder, media }) => {
  printHeader(`node bench/killTest.mjs ${count} ${first} ${atOnce}`);
  const since = performance.now();
  const seconds = () => Math.round((performance.now() - since) / 1000);
  let told = 0;
  const { KILL_TEST_FOLDER } = process.env;
  const summary = await runSeeds({
    ...{ first, count, atOnce, media, folder: KILL_TEST_FOLDER ?? folder },
    onSeed({ seeds, tasks, breaches }) {
      for (const breach of breaches.slice(told)) process.stdout.write(`${breach}\n`);
      told = breaches.length;
      if (seeds % SAY_EVERY === 0) {
        process.stderr.write(`${seeds} seeds, ${tasks} tasks, ${told} breaches, ${seconds()} s\n`);
      }
    },
  });
  const { ends, kills, breaches, slowestChildMs, ...figures } = summary;
  printTable([{ ...figures, 'slowest child ms': Math.round(slowestChildMs), seconds: seconds() }]);
  printTable([ends]);
  printTable(
    Object.entries(kills)
      .toSorted()
      .map(([point, times]) => ({ killed: point, times })),
  );
  if (breaches.length > 0) process.exitCode = 1;
});
