// The layers of src/. A folder imports only what stands below it, so every arrow of the structure points down, and no
// folder takes part in a cycle.

/**
 * Each folder with the folders it may import, besides itself and the leaves.
 *
 * @type {Record<string, string[]>}
 */
const layers = {
  http: ['service', 'blobs', 'tasks', 'models', 'contract'],
  service: ['retention', 'queue', 'blobs', 'tasks', 'models', 'contract'],
  scheduler: ['queue', 'blobs', 'workers', 'tasks', 'models', 'contract'],
  retention: ['queue', 'blobs', 'tasks'],
  queue: ['tasks', 'contract', 'dataDir'],
  blobs: ['tasks'],
  workers: ['contract'],
  tasks: ['models', 'contract'],
  models: ['contract'],
  dataDir: [],
  contract: [],
};

const leaves = '^src/((errors|clock|didYouMean)[.]ts$|(log|config|disk)/)';

/**
 * @param {string} name
 * @param {string} packages
 * @param {string} home the only place that may import them
 */
function onlyIn(name, packages, home) {
  return {
    name: `${name}-only-in-its-place`,
    comment: 'One library, one folder: each stays replaceable.',
    severity: 'error',
    from: { path: '^src/', pathNot: home },
    to: { path: `(^|/)node_modules/(${packages})(/|$)` },
  };
}

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-circular-folders', severity: 'error', scope: 'folder', from: {}, to: { circular: true } },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'leaves-import-nothing-of-ours',
      severity: 'error',
      from: { path: leaves },
      to: { path: '^src/', pathNot: leaves },
    },
    {
      name: 'nothing-imports-the-entry',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^src/(main|setupKeys)[.]ts$' },
    },
    {
      name: 'nothing-but-main-imports-compose',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(compose/|main[.]ts$)' },
      to: { path: '^src/compose/' },
    },
    ...Object.entries(layers).map(([folder, below]) => ({
      name: `${folder}-imports-only-what-stands-below`,
      severity: 'error',
      from: { path: `^src/${folder}/` },
      to: {
        path: '^src/',
        pathNot: [leaves, `^src/(${[folder, ...below].join('|')})/`],
      },
    })),
    {
      name: 'the-database-only-behind-the-queue',
      comment: 'Everything else takes the port, so that a second backend is a folder beside sqlite/.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(queue/sqlite|compose)/' },
      to: { path: '^src/queue/sqlite/' },
    },
    onlyIn(
      'hono',
      'hono|@hono|@fastify/busboy|range-parser|content-disposition|swagger-ui-dist',
      '^src/http/',
    ),
    onlyIn('drizzle', 'drizzle-orm|better-sqlite3|@types/better-sqlite3', '^src/(queue/sqlite|dataDir)/'),
    onlyIn('execa', 'execa|vscode-jsonrpc', '^src/workers/'),
    onlyIn('yaml', 'yaml', '^src/(models/|config/)'),
    onlyIn('pino', 'pino|pino-pretty', '^src/log/'),
    onlyIn('prom-client', 'prom-client', '^src/http/'),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
