import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parseModelYaml, readModelYaml } from '../../../../src/models/inspection/modelYaml.ts';
import { makeFolder, makeYaml } from '../modelFolder.ts';

const FIXTURES = path.join(import.meta.dirname, '../../../fixtures/configs');

async function fixture(name: string) {
  const read = await readModelYaml(path.join(FIXTURES, name));
  if (!read.ok) throw new Error(read.problem);
  return read.yaml;
}

function parse(text: string) {
  const read = parseModelYaml(Buffer.from(text));
  return read.ok ? read.yaml : read.problem;
}

describe('the kinds of YAML that MSST users have', () => {
  test('Python tags are plain data, and nothing they name is run', async () => {
    expect(await fixture('config_vocals_mel_band_roformer.yaml')).toEqual({
      declaredArchitecture: null,
      keys: expect.any(Set) as Set<string>,
      subbands: null,
      instruments: ['vocals', 'other'],
      targetInstrument: 'vocals',
      sampleRate: 48_000,
      stereo: true,
      chunking: { chunkSamples: 131_584, numOverlap: 2, batchSize: 1 },
      demucsChunking: null,
      description: null,
      licence: null,
    });
  });

  test('`description` and `licence` at the top level are texts for people; anything else there is none', () => {
    const yaml = makeYaml({});
    expect(parse(`description: Splits a choir.\nlicence: MIT\n${yaml}`)).toMatchObject({
      description: 'Splits a choir.',
      licence: 'MIT',
    });
    for (const other of ['[a]', '{ a: b }', '""', 'null', 'true', 'x'.repeat(1001)]) {
      expect(parse(`description: ${other}\nlicence: ${other}\n${yaml}`)).toMatchObject({
        description: null,
        licence: null,
      });
    }
  });

  test('a Demucs YAML without audio.sample_rate and num_channels takes both from its training section', async () => {
    expect(await fixture('config_drumsep.yaml')).toMatchObject({
      instruments: ['kick', 'snare', 'cymbals', 'toms'],
      targetInstrument: null,
      sampleRate: 48_000,
      stereo: true,
      demucsChunking: { chunkSamples: 480_000, numOverlap: 4, batchSize: 1 },
    });
  });

  test('what tells of the architecture: names of sections, and the keys of those that build the network', () => {
    const yaml = [
      'audio: { n_fft: 4 }',
      'model: { dim: 3, num_subbands: 4, deep: { er: 1 } }',
      'kwargs: { stems: [a] }',
      'stft: { center: true }',
      'lora: text',
      makeYaml(),
    ].join('\n');
    const read = parse(yaml.replace('audio:\n', 'other:\n'));
    if (typeof read === 'string') throw new Error(read);
    expect([...read.keys].sort()).toEqual(
      ['audio', 'kwargs', 'kwargs.stems', 'model', 'model.deep', 'model.dim', 'model.num_subbands', 'other', 'stft', 'stft.center', 'training'], // prettier-ignore
    );
    expect(read.subbands).toBe(4);
    const ofDemucs = parse(`model: htdemucs\nhtdemucs: { channels: 48 }\n${makeYaml()}`);
    expect(ofDemucs).toMatchObject({ keys: new Set(['htdemucs', 'audio', 'training']) });
  });

  test('a YAML in latin1, with a byte that is no UTF-8, is read', async () => {
    const bytes = await readFile(path.join(FIXTURES, 'config_latin1.yaml'));
    expect(bytes.includes(0xe9)).toBe(true);
    expect(await fixture('config_latin1.yaml')).toMatchObject({ instruments: ['voix', 'été'] });
  });

  test('the starter YAML gives the starter facts', async () => {
    const read = await readModelYaml(
      path.join(import.meta.dirname, '../../../../configs/config_starter.yaml'),
    );
    expect(read).toMatchObject({
      ok: true,
      yaml: {
        declaredArchitecture: 'mdx23c',
        instruments: ['drums', 'bass', 'other'],
        targetInstrument: null,
        sampleRate: 44_100,
        stereo: true,
      },
    });
  });

  test('a byte order mark is passed over', () => {
    expect(parse(`\uFEFF${makeYaml()}`)).toMatchObject({ instruments: ['vocals', 'other'] });
  });

  test.each(['null', '~', '', "'None'", 'None', "''"])('target_instrument: %s is no target', (target) => {
    expect(parse(makeYaml({ target }))).toMatchObject({ targetInstrument: null });
  });

  test('a missing target_instrument and a missing audio section have defaults', () => {
    expect(parse('training:\n  instruments: [a]\n')).toMatchObject({
      targetInstrument: null,
      sampleRate: 44_100,
      stereo: true,
    });
  });

  test.each([
    ['audio: {num_channels: 1}', false],
    ['audio: {num_channels: 2}', true],
    ['model: {stereo: false}', false],
    ['model: {stereo: true}', true],
    ['model: htdemucs', true],
  ])('%s makes stereo %s', (line, stereo) => {
    expect(parse(`${line}\ntraining: {instruments: [a]}\n`)).toMatchObject({ stereo });
  });

  test('of two equal keys the later holds, as in PyYAML', () => {
    expect(parse('training: {instruments: [a]}\ntraining: {instruments: [b]}')).toMatchObject({
      instruments: ['b'],
    });
  });
});

describe('a YAML of no use is a sentence, never an exception', () => {
  test.each([
    ['tabs for indentation', 'training:\n\tinstruments: [a]\n', 'its YAML is broken in line 2'],
    ['a bracket left open', 'training: [a', 'its YAML is broken in line 1'],
    ['nothing at all', '', 'its YAML has no `training` section'],
    ['a list', '- a\n- b\n', 'its YAML has no `training` section'],
    ['no instruments', 'training: {lr: 1}', 'lists no `training.instruments`'],
    ['instruments that are a text', 'training: {instruments: vocals}', 'lists no `training.instruments`'],
    ['instruments that are lists', 'training: {instruments: [[a]]}', 'are not names'],
    ['an instrument of 101 letters', `training: {instruments: [${'a'.repeat(101)}]}`, 'are not names'],
    ['brackets without end', '['.repeat(50_000), 'its YAML is broken'],
    ['a key from the prototype', '__proto__: {training: {instruments: [a]}}', 'no `training` section'],
  ])('%s', (_, text, problem) => {
    expect(parse(text)).toContain(problem);
  });

  test('an alias bomb is refused before it unfolds', () => {
    const level = (name: string, before: string) =>
      `${name}: &${name} [${`*${before}, `.repeat(9)}*${before}]\n`;
    const bomb = `a: &a [x, x, x]\n${level('b', 'a')}${level('c', 'b')}${level('d', 'c')}${level('e', 'd')}`;
    expect(parse(`${bomb}training: {instruments: *e}\n`)).toContain('alias');
  });

  test('a file of 5 MB is refused by its size, unread', async () => {
    const root = await makeFolder({ 'big.yaml': Buffer.alloc(5_000_000, 'a: &a [*a]\n') });
    expect(await readModelYaml(path.join(root, 'big.yaml'))).toEqual({
      ok: false,
      problem: 'its YAML is larger than 256 KiB',
    });
  });

  test('a file that is missing, a folder and a pipe without a writer each have their answer', async () => {
    const root = await makeFolder({});
    await mkdir(path.join(root, 'folder.yaml'));
    await promisify(execFile)('mkfifo', [path.join(root, 'pipe.yaml')]);
    expect(await readModelYaml(path.join(root, 'none.yaml'))).toEqual({
      ok: false,
      problem: 'its YAML is missing',
    });
    for (const name of ['folder.yaml', 'pipe.yaml']) {
      expect(await readModelYaml(path.join(root, name))).toEqual({
        ok: false,
        problem: 'its YAML is not a file',
      });
    }
  });
});
