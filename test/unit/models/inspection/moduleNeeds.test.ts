import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parseNeeds, type KnownNeeds } from '../../../../src/config/knownNeeds.ts';
import { createModuleNeeds } from '../../../../src/models/inspection/moduleNeeds.ts';
import { askEngineForNeeds } from '../../../../src/workers/inference/engineNeeds.ts';
import { makeLog } from '../modelFolder.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-test-'));
  await mkdir(path.join(folder, 'packages'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Stands in for the interpreter: says what stands in a file, and how often it was asked. */
async function interpreter(answer: object): Promise<string> {
  const file = path.join(folder, 'python');
  await writeFile(path.join(folder, 'answer.json'), JSON.stringify(answer));
  await writeFile(
    file,
    `#!/bin/sh\necho "$@" >> '${path.join(folder, 'asked')}'\ncat '${path.join(folder, 'answer.json')}'\n`,
    { mode: 0o755 },
  );
  return file;
}
const packages = () => path.join(folder, 'packages');
const source = () => path.join(folder, 'settings.py');
const needsOf = (missing: Record<string, string[]>, architectures: string[] | null = null) => ({
  architectures,
  missing,
  loader: { file: source(), function: 'get_model_from_config' },
  package_folders: [packages()],
});
const command = (python: string) => ({
  python,
  ask: (loader: KnownNeeds['loader']) =>
    askEngineForNeeds({ python, projectRoot: folder, env: {} }, '/of/msst', loader),
  onOtherArchitectures: vi.fn(),
});
const install = () => utimes(packages(), new Date(), new Date(2_000_000_000_000));

test('what the set-up found out is known at once, and told with how to install it', async () => {
  const log = makeLog();
  const python = await interpreter({});
  const needs = createModuleNeeds(needsOf({ htdemucs: ['demucs'], mdx23c: [] }), command(python), log);
  await needs.refresh();
  expect(needs.missing('htdemucs')).toEqual(['demucs']);
  expect(needs.missing('mdx23c')).toEqual([]);
  for (const none of ['of no MSST', 'constructor', '__proto__']) expect(needs.missing(none)).toEqual([]);
  expect(log.infos).toEqual([
    {
      fields: { missing: { htdemucs: ['demucs'] } },
      message: expect.stringMatching(/engine_extras.*python -m pip install MODULE$/) as string,
    },
  ]);
});

test('nothing is asked until a package was installed; then it is known what is missing now', async () => {
  const log = makeLog();
  const python = await interpreter(needsOf({ htdemucs: [] }));
  const needs = createModuleNeeds(needsOf({ htdemucs: ['demucs'] }), command(python), log);
  await needs.refresh();
  const before = needs.marks();
  await needs.refresh();
  expect(needs.missing('htdemucs')).toEqual(['demucs']);
  expect(needs.marks()).toBe(before);
  await install();
  await Promise.all([needs.refresh(), needs.refresh()]);
  expect(needs.missing('htdemucs')).toEqual([]);
  expect(needs.marks()).not.toBe(before);
});

test('an interpreter that does not answer leaves what was known', async () => {
  const log = makeLog();
  const needs = createModuleNeeds(needsOf({ htdemucs: ['demucs'] }), command('/no/such/python'), log);
  await needs.refresh();
  await install();
  await needs.refresh();
  expect(needs.missing('htdemucs')).toEqual(['demucs']);
  expect(log.warnings).toHaveLength(1);
});

test('where the set-up found out nothing, nothing is missing', async () => {
  const log = makeLog();
  const needs = createModuleNeeds(null, command('/no/such/python'), log);
  await needs.refresh();
  expect(needs.architectures()).toBeNull();
  expect(needs.missing('htdemucs')).toEqual([]);
  expect([...log.infos, ...log.warnings]).toEqual([]);
});

test('what builds the networks is read again when its source changes, and whoever has imported it is told', async () => {
  const log = makeLog();
  const python = await interpreter(needsOf({}, ['mdx23c', 'scnet']));
  const engine = command(python);
  await writeFile(source(), 'before');
  const needs = createModuleNeeds(needsOf({}, ['mdx23c']), engine, log);
  await needs.refresh();
  expect(needs.architectures()).toEqual(['mdx23c']);
  await writeFile(source(), 'after it');
  await needs.refresh();
  expect(needs.architectures()).toEqual(['mdx23c', 'scnet']);
  expect(engine.onOtherArchitectures).toHaveBeenCalledTimes(1);
  expect(await readFile(path.join(folder, 'asked'), 'utf8')).toBe(
    `-m python_worker needs --msst-root /of/msst --loader ${source()} get_model_from_config\n`,
  );

  await writeFile(source(), 'with another comment');
  await needs.refresh();
  await install();
  await needs.refresh();
  expect(await readFile(path.join(folder, 'asked'), 'utf8')).toMatch(/^(?:.+\n){3}$/);
  expect(engine.onOtherArchitectures).toHaveBeenCalledTimes(1);
});

test.each([undefined, '', '{', '{}', '{"missing":{"a":1},"package_folders":[]}'])(
  'what is not the answer of the set-up is none: %s',
  (json) => {
    expect(parseNeeds(json)).toBeNull();
  },
);
