// The import directions of src/: a request goes http → tasks → models, audio, store; the scheduler takes over
// from the store and drives the workers. Whatever is not allowed here is forbidden.

const leaves =
  '^src/((config|errors|log|rotatingFile|lineBatch|clock|didYouMean|fullDisk|makeFolder|tellSafely)[.]ts$|config/)';

/**
 * @param {string} folder
 * @param {string} mayImport the folders of src/ it may import, beside itself and the leaves
 * @param {string[]} files single files it may import besides
 */
function onlyImports(folder, mayImport, ...files) {
  const allowed = [`^src/${folder}/`, leaves, ...files, ...(mayImport ? [`^src/(${mayImport})/`] : [])];
  return {
    name: `${folder}-imports-only${mayImport ? `-${mayImport.replaceAll('|', '-')}` : '-leaves'}`,
    severity: 'error',
    from: { path: `^src/${folder}/` },
    to: { path: '^src/', pathNot: allowed },
  };
}

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
      name: 'nothing-but-compose-imports-http',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(http/|compose[.]ts$)' },
      to: { path: '^src/http/' },
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
      from: { path: '^src/', pathNot: '^src/main[.]ts$' },
      to: { path: '^src/compose[.]ts$' },
    },
    // Files are served as they lie, through the store's port for files; SQL and processes stay out of reach.
    onlyImports('http', 'tasks|models', '^src/store/fileStore[.]ts$'),
    onlyImports('tasks', 'models|audio|store'),
    onlyImports('models', ''),
    onlyImports('audio', ''),
    onlyImports('worker', ''),
    onlyImports('scheduler', 'tasks|models|store|worker'),
    {
      name: 'store-imports-only-the-task',
      comment: 'The table of states and the types; never an operation, which would close a circle.',
      severity: 'error',
      from: { path: '^src/store/' },
      to: {
        path: '^src/',
        pathNot: ['^src/store/', leaves, '^src/(tasks/(task|taskEvent|taskState)|models/optionRules)[.]ts$'],
      },
    },
    onlyIn(
      'hono',
      'hono|@hono|@fastify/busboy|range-parser|content-disposition|swagger-ui-dist',
      '^src/http/',
    ),
    onlyIn('drizzle', 'drizzle-orm|better-sqlite3|@types/better-sqlite3', '^src/store/'),
    onlyIn('execa', 'execa|vscode-jsonrpc', '^src/worker/'),
    onlyIn('yaml', 'yaml', '^src/(models/|config/)'),
    onlyIn('pino', 'pino|pino-pretty', '^src/log[.]ts$'),
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
