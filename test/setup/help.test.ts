/** Who asks how to start is told, and waits for no set-up. */
import { afterAll, describe, expect, test } from 'vitest';
import { ConfigError, loadConfig } from '../../src/config/config.ts';
import { Clone, makeFolder, makeWheels, removeFolders } from './clone.ts';

afterAll(removeFolders);

function flagsOfTheServer(): string[] {
  try {
    const cwd = makeFolder();
    loadConfig({ argv: ['--no-such-option'], env: {}, cwd, projectRoot: cwd });
    throw new Error('an unknown option was taken');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const allowed = /allowed: (.*);/.exec(error.message)?.[1];
    return allowed?.split(', ') ?? [];
  }
}

describe.each(['--help', '-h'])('%s', (flag) => {
  test.each([
    ['alone', [flag]],
    ['behind another option', ['--port', '1', flag]],
  ])('%s, of the server, tells its options and prepares nothing', async (_, args) => {
    const clone = new Clone({ wheels: makeWheels() });
    const { code, output, server } = await clone.run({ args: ['start', ...args] });
    expect([code, server, clone.runs, clone.has('.setup')]).toEqual([0, null, [], false]);
    const flags = flagsOfTheServer();
    expect(flags.length).toBeGreaterThan(3);
    for (const one of [...flags, '--help', 'usage: npm start', 'config.yaml', 'config.example.yaml']) {
      expect(output).toContain(one);
    }
  });

  test('of the tests tells their names and prepares nothing', async () => {
    const clone = new Clone({ wheels: makeWheels() });
    const { code, output } = await clone.run({ args: ['test', flag] });
    expect([code, clone.runs, clone.has('.setup')]).toEqual([0, [], false]);
    expect(output).toMatch(/^usage: npm test .*vitest/);
  });
});
