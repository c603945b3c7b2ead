import { testSteps } from './testSteps.mjs';

const ofStart = `usage: npm start -- [--config FILE] [--port N] [--host ADDRESS] [--data-dir FOLDER]

Sets up what is missing in this folder, once, then serves music source separation over HTTP.

  --config FILE      the configuration, YAML or JSON; without it config.yaml, config.yml or config.json in the
                     folder it is started in, and where none of them is there, the defaults
  --port N           the port it listens on; default 8000, and 0 is any that is free
  --host ADDRESS     the address or name of this machine it listens on; default 127.0.0.1
  --data-dir FOLDER  where queue, uploads and results lie; default ./data
  -h, --help         this, and nothing else is done

An option goes before the same setting in the environment (MSST_SERVE_PORT, …), and that before the configuration.
config.example.yaml holds every setting with its default. README.md tells the rest.
`;

/**
 * Returns the help text if it was requested. It needs nothing that set-up would prepare.
 *
 * @param {'start' | 'test'} mode
 * @param {string[]} argv
 * @returns {string | null} null if help was not requested
 */
export function helpFor(mode, argv) {
  // Arguments after the first belong to the test step.
  const asking = mode === 'start' ? argv : argv.slice(0, 1);
  if (!asking.some((one) => one === '--help' || one === '-h')) return null;
  return mode === 'start' ? ofStart : `${usageOfTests(testSteps({ root: '', python: '', folder: '' }))}\n`;
}

/** @param {import('./testSteps.mjs').Step[]} steps */
export function usageOfTests(steps) {
  const names = steps.map(({ name }) => name).join(', ');
  return `usage: npm test [-- --only NAME[,NAME…] [arguments for it]]; the names are ${names}`;
}
