/**
 * @typedef {{ status: string }} Mutant
 * @typedef {{ files: Record<string, { mutants: Mutant[] }> }} Report StrykerJS's JSON
 * @typedef {{ killed: number, timedOut: number, survived: number, uncovered: number }} Counts
 */

/** @type {Record<string, keyof Counts>} */
const kinds = { Killed: 'killed', Timeout: 'timedOut', Survived: 'survived', NoCoverage: 'uncovered' };

/**
 * A row for each folder of `src/`. What does not compile or was told to be left out does not count.
 *
 * @param {Report} report
 * @returns {string} a table in Markdown
 */
export function scoreTable(report) {
  /** @type {Map<string, Counts>} */
  const folders = new Map();
  for (const [file, { mutants }] of Object.entries(report.files)) {
    const name = /src\/([^/]+)/.exec(file)?.[1] ?? file;
    const counts = folders.get(name) ?? { killed: 0, timedOut: 0, survived: 0, uncovered: 0 };
    folders.set(name, counts);
    for (const { status } of mutants) {
      const kind = kinds[status];
      if (kind !== undefined) counts[kind] += 1;
    }
  }
  const rows = [...folders].sort().map(([name, counts]) => row(`\`src/${name}\``, counts));
  const head = ['folder', 'mutants', 'killed', 'timed out', 'survived', 'not reached', 'score'];
  return [head, head.map((_, index) => (index === 0 ? '---' : '--:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |\n`)
    .join('');
}

/**
 * @param {string} name
 * @param {Counts} counts
 */
function row(name, { killed, timedOut, survived, uncovered }) {
  const all = killed + timedOut + survived + uncovered;
  const score = all === 0 ? '–' : `${((100 * (killed + timedOut)) / all).toFixed(1)} %`;
  return [name, all, killed, timedOut, survived, uncovered, score].map(String);
}
