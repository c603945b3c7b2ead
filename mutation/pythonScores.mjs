import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const head = ['module', 'mutants', 'killed', 'timed out', 'survived', 'not reached', 'score'];

/**
 * A row for each module, and one for all where there are several.
 *
 * @param {string[]} folders in which mutmut ran
 * @returns {string} a table in Markdown
 */
export function pythonScores(folders) {
  const modules = folders.flatMap(modulesOf);
  const rows = modules.map(({ name, counts }) => row(`\`${name}\``, counts));
  const sums = modules.reduce(
    (all, { counts }) => all.map((sum, at) => sum + (counts[at] ?? 0)),
    [0, 0, 0, 0],
  );
  if (rows.length > 1) rows.push(row('all', sums));
  return [head, head.map((_, at) => (at === 0 ? '---' : '--:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |\n`)
    .join('');
}

/** @param {string} folder */
function modulesOf(folder) {
  const copy = join(folder, 'mutants', 'python_worker');
  return readdirSync(copy, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.py.meta'))
    .sort()
    .map((file) => {
      const { exit_code_by_key: codes } = JSON.parse(readFileSync(join(copy, file), 'utf8'));
      const counts = [0, 0, 0, 0];
      for (const code of Object.values(codes)) counts[kindOf(code)] += 1;
      return { name: file.replace(/\.meta$/, ''), counts };
    })
    .filter(({ counts }) => counts.some(Boolean));
}

/**
 * Where an exit code of pytest counts, in the order of the table. What ended by a signal was noticed too.
 *
 * @param {number | null} code
 */
function kindOf(code) {
  if (code === null || code === 5 || code === 33) return 3;
  if ([-24, 24, 36, 152, 255].includes(code)) return 1;
  return code === 1 || code === 3 || code < 0 ? 0 : 2;
}

/**
 * @param {string} name
 * @param {number[]} counts
 */
function row(name, counts) {
  const all = counts.reduce((sum, count) => sum + count, 0);
  const noticed = (counts[0] ?? 0) + (counts[1] ?? 0);
  return [name, all, ...counts, all === 0 ? '–' : `${((100 * noticed) / all).toFixed(1)} %`].map(String);
}
