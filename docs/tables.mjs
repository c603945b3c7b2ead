// Keeps the tables of docs/ true: which test shows each property, and what proves each requirement, each step of
// the plan and each answer to a failure. `node docs/tables.mjs` prints the first and checks them all; `--write` renews docs/properties.md.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { format, resolveConfig } from 'prettier';

import { findProperties } from './tables/findProperties.mjs';
import { properties } from './tables/properties.mjs';
import { checkReferences } from './tables/references.mjs';

const root = path.resolve(import.meta.dirname, '..');
const CRITERIA_OF_REQUIREMENT = [8, 6, 6, 7, 5, 5, 7, 6, 6, 7, 6, 5];
const STEPS_OF_PLAN_TASK = [0, 3, 3, 4, 3, 0, 4, 3, 4, 12, 0, 6, 3, 1, 2, 1, 1, 1, 1, 1, 0, 2];

const FAILURES = Array.from({ length: 40 }, (_, at) => `${at + 1}`);

const found = findProperties(path.join(root, 'test'), root);
const table = await format(propertiesTable(found), {
  ...(await resolveConfig(import.meta.filename)),
  parser: 'markdown',
});
process.stdout.write(table);

const page = path.join(root, 'docs', 'properties.md');
if (process.argv.includes('--write')) writeFileSync(page, table);

const problems = [
  ...properties.flatMap(({ number, name }) => {
    return found.has(number) ? [] : [`Property ${number} (${name}) has no test`];
  }),
  ...[...found.keys()]
    .filter((number) => !properties.some((property) => property.number === number))
    .map((number) => `Property ${number} is not in the plan`),
  ...(existsSync(page) && readFileSync(page, 'utf8') === table
    ? []
    : ['docs/properties.md is not what this prints: node docs/tables.mjs --write']),
  ...checkReferences(root, 'docs/requirements.md', numbered(CRITERIA_OF_REQUIREMENT), found),
  ...checkReferences(root, 'docs/plan.md', numbered(STEPS_OF_PLAN_TASK), found),
  ...checkReferences(root, 'docs/failures.md', FAILURES, found, { mayBeOpen: true }),
];
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length > 0 ? 1 : 0;

/**
 * `1.1`, `1.2`, …; a part without steps of its own is one entry.
 *
 * @param {number[]} steps how many each part has
 */
function numbered(steps) {
  return steps.flatMap((count, part) =>
    count === 0 ? [`${part + 1}`] : Array.from({ length: count }, (_, step) => `${part + 1}.${step + 1}`),
  );
}

/** @param {Map<number, import('./tables/findProperties.mjs').Found[]>} tests */
function propertiesTable(tests) {
  const rows = properties.map(({ number, name, requirements }) => {
    const shown = (tests.get(number) ?? []).map(({ file, guarantee }) => `[${guarantee}](../${file})`);
    return `| ${number} | ${name} | ${shown.join('; ')} | ${requirements.join(', ')} |`;
  });
  return `# The properties

Each is a guarantee over generated inputs (a plain test where it states one fact): real HTTP, a real SQLite file, real child processes.
The numbers of the last column are those of [requirements.md](requirements.md). Printed by \`node docs/tables.mjs\`.

| property | name | what its test shows | requirement |
| -------- | ---- | ------------------- | ----------- |
${rows.join('\n')}
`;
}
