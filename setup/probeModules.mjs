import { join } from 'node:path';

import { quietPython } from './quietPython.mjs';

/**
 * Tries to import modules, since a module that is present may still be broken.
 *
 * @param {import('./setUp.mjs').Setting} setting
 * @param {string} python
 * @param {string[]} modules
 * @returns {Promise<Map<string, string>>} the modules that fail to import, each with the error
 */
export async function failingModules(setting, python, modules) {
  /** @type {Map<string, string>} */
  const failing = new Map();
  let rest = modules;
  while (rest.length > 0) {
    const { code, stdout } = await setting.run(
      python,
      [join(setting.root, 'setup', 'probe_modules.py'), ...rest],
      {
        env: quietPython(setting.env),
      },
    );
    const answers = stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
    for (const { module, error } of answers) if (error !== null) failing.set(module, error);
    rest = rest.slice(answers.length);
    if (rest[0] === undefined) break;
    // The interpreter died while importing this one (a crash in native code): probe the others again.
    failing.set(rest[0], `the interpreter ended with code ${code}`);
    rest = rest.slice(1);
  }
  return failing;
}
