/** config.example.yaml is what an administrator copies: it must be all there is, and nothing that is not so. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../../src/config/config.ts';
import { listedModelSchema, settingKeys, settingsSchema } from '../../../src/config/settings.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

const projectRoot = path.resolve(import.meta.dirname, '../../..');
let example: string;
/** The example with every setting in force; prose has a blank after its #. */
let everything: string;

beforeAll(async () => {
  example = await readFile(path.join(projectRoot, 'config.example.yaml'), 'utf8');
  everything = example.replace(/^#(?=[a-z]| {2})/gm, '');
});

const settingsIn = (text: string) => parse(text) as Record<string, unknown>;

/** Loads a file, or without one the defaults, as seen from one folder. */
async function load(folder: string, content?: string) {
  const file = path.join(folder, 'config.yaml');
  if (content !== undefined) await writeFile(file, content);
  return loadConfig({ argv: [], env: {}, cwd: folder, projectRoot });
}

test('config.example.yaml shows every setting once, and no other', () => {
  expect(Object.keys(settingsIn(everything)).sort()).toEqual([...settingKeys].sort());
});

test('config.example.yaml sets exactly the settings that have a default, each to it', () => {
  const defaults = settingsSchema.parse({});
  expect(settingsSchema.parse(settingsIn(example))).toEqual(defaults);
  expect(Object.keys(settingsIn(example)).sort()).toEqual(Object.keys(defaults).sort());
});

test('config.example.yaml as it stands is the same as no file, and loads without a warning', async () => {
  const folder = await temporaryFolder();
  const bare = await load(folder);
  const copied = await load(folder, example);
  expect(copied).toEqual({ config: bare.config, warnings: [] });
});

test('config.example.yaml loads also with every setting in force', async () => {
  const { config, warnings } = await load(await temporaryFolder(), everything);
  expect(warnings).toEqual([]);
  expect(config).toMatchObject({ publicUrl: 'https://music.example.org', defaultModelType: 'vocals' });
});

test('config.example.yaml shows every key of a model', () => {
  const { models } = settingsIn(everything) as { models: object[] };
  expect(models.flatMap(Object.keys).sort()).toEqual(Object.keys(listedModelSchema.shape).sort());
});

test('config.example.yaml says about every setting what it does', () => {
  const lines = example.split('\n');
  const unexplained = lines.filter(
    (line, index) => /^#?[a-z_]+:/.test(line) && !/^# \w/.test(lines[index - 1] ?? ''),
  );
  expect(unexplained).toEqual([]);
});
