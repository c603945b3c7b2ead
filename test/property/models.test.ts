import fc from 'fast-check';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkCheckpoint } from '../../src/models/inspection/checkpoint/checkpointFile.ts';
import type { FoundFile } from '../../src/models/discovery/modelFiles.ts';
import { renderModelsBlock } from '../../src/models/discovery/modelsBlock.ts';
import { parseModelYaml } from '../../src/models/inspection/modelYaml.ts';
import { resolveOptions, type SubmittedOptions } from '../../src/models/catalog/optionRules.ts';
import { pairModels } from '../../src/models/discovery/pairing.ts';
import { scanForModels } from '../../src/models/discovery/scan.ts';
import { parse } from 'yaml';
import { makeCheckpoint, makeEntry, makeFolder, makeLog } from '../unit/models/modelFolder.ts';

const bytes = fc.uint8Array({ maxLength: 400 }).map((array) => Buffer.from(array));

/** Few letters, so that names meet often. */
const foundFile = (top: string, endings: string[]): fc.Arbitrary<FoundFile> =>
  fc
    .record({
      root: fc.nat(1),
      folder: fc.constantFrom('', 'a', 'a/b'),
      base: fc.stringMatching(/^(config_)?[aAb _.é]{1,3}$/),
      ending: fc.constantFrom(...endings),
    })
    .map(({ root, folder, base, ending }) => ({
      root,
      folder,
      path: path.join(`/r${String(root)}`, top, folder, `${base}${ending}`),
    }));
const files = (top: string, endings: string[]) =>
  fc.uniqueArray(foundFile(top, endings), { maxLength: 12, selector: (file) => file.path });
const yamls = files('configs', ['.yaml', '.yml']);
const checkpoints = fc
  .tuple(files('pretrain', ['.ckpt', '.th']), files('configs', ['.ckpt', '.pth']))
  .map((lists) => lists.flat());

describe('pairing', () => {
  test('every file is in a pair or reported, every YAML in one pair at most, every name usable and unique', () => {
    fc.assert(
      fc.property(yamls, checkpoints, (yamlFiles, checkpointFiles) => {
        const { pairs, unpairedYamls, unpairedCheckpoints } = pairModels(yamlFiles, checkpointFiles);
        expect(new Set([...pairs.map(({ yaml }) => yaml), ...unpairedYamls])).toEqual(new Set(yamlFiles));
        expect(pairs.length + unpairedYamls.length).toBe(yamlFiles.length);
        const paired = new Set(pairs.map(({ checkpoint }) => checkpoint));
        expect(paired.size + unpairedCheckpoints.length).toBe(checkpointFiles.length);
        expect(new Set(pairs.map(({ name }) => name.toLowerCase())).size).toBe(pairs.length);
        for (const { name } of pairs) expect(name).toMatch(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/);
      }),
    );
  });

  test('the order in which files are found changes nothing', () => {
    const shuffled = fc
      .tuple(yamls, checkpoints)
      .chain(([yamlFiles, checkpointFiles]) =>
        fc.tuple(
          fc.constant({ yamlFiles, checkpointFiles }),
          fc.shuffledSubarray(yamlFiles, { minLength: yamlFiles.length }),
          fc.shuffledSubarray(checkpointFiles, { minLength: checkpointFiles.length }),
        ),
      );
    fc.assert(
      fc.property(shuffled, ([{ yamlFiles, checkpointFiles }, otherYamls, otherCheckpoints]) => {
        expect(pairModels(otherYamls, otherCheckpoints).pairs).toEqual(
          pairModels(yamlFiles, checkpointFiles).pairs,
        );
      }),
    );
  });

  test('the block to paste is YAML that names every checkpoint left over', () => {
    fc.assert(
      fc.property(yamls, checkpoints, (yamlFiles, checkpointFiles) => {
        fc.pre(checkpointFiles.length > 0);
        const { models } = parse(renderModelsBlock(checkpointFiles, yamlFiles)) as {
          models: { checkpoint_path: string }[];
        };
        expect(models.map((model) => model.checkpoint_path)).toEqual(
          checkpointFiles.map((file) => file.path),
        );
      }),
    );
  });
});

describe('files of any content', () => {
  test('bytes that are called a YAML give facts or a sentence', () => {
    const hostile = fc.oneof(
      bytes,
      fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
      fc.json().map(Buffer.from),
    );
    fc.assert(
      fc.property(hostile, (content) => {
        const read = parseModelYaml(content);
        if (read.ok) expect(read.yaml.instruments.length).toBeGreaterThan(0);
        else expect(read.problem).toMatch(/^its YAML /);
      }),
    );
  });

  test('a YAML of any values gives facts of the right kind or a sentence', () => {
    const value = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(fc.string()),
      fc.object(),
    );
    const yaml = fc.record(
      {
        audio: fc.oneof(value, fc.record({ sample_rate: value, num_channels: value })),
        model: fc.oneof(value, fc.record({ stereo: value })),
        training: fc.oneof(
          value,
          fc.record({ instruments: value, target_instrument: value, model_type: value }),
        ),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(yaml, (root) => {
        const read = parseModelYaml(Buffer.from(JSON.stringify(root)));
        if (!read.ok) return;
        const { instruments, sampleRate, stereo, targetInstrument } = read.yaml;
        expect(instruments.every((name) => typeof name === 'string' && name !== '')).toBe(true);
        expect(Number.isInteger(sampleRate) && sampleRate > 0).toBe(true);
        expect(typeof stereo).toBe('boolean');
        expect(targetInstrument === null || targetInstrument.trim() !== '').toBe(true);
      }),
    );
  });

  test('no scan fails, and no file is taken for a checkpoint that is none', async () => {
    const magic = fc.constantFrom(
      '',
      'PK\x03\x04',
      '\x10\0\0\0\0\0\0\0{',
      '\x80\x02',
      'version https://git-lfs',
    );
    const content = fc
      .tuple(magic, bytes)
      .map(([head, tail]) => Buffer.concat([Buffer.from(head, 'latin1'), tail]));
    await fc.assert(
      fc.asyncProperty(content, content, async (yaml, checkpoint) => {
        const root = await makeFolder({ 'configs/a.yaml': yaml, 'pretrain/a.ckpt': checkpoint });
        const candidates = await scanForModels({ roots: [root] }, [], makeLog());
        expect(candidates.length).toBeLessThanOrEqual(1);
        expect((await checkCheckpoint(path.join(root, 'pretrain/a.ckpt'))).ok).toBe(false);
      }),
      { numRuns: 50 },
    );
  });

  test('a whole checkpoint of torch.save, cut anywhere, is found out', async () => {
    const whole = makeCheckpoint('x'.repeat(50));
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), async (length) => {
        const root = await makeFolder({ 'a.ckpt': whole.subarray(0, length) });
        expect((await checkCheckpoint(path.join(root, 'a.ckpt'))).ok).toBe(false);
      }),
      { numRuns: 50 },
    );
  });
});

describe('option rules', () => {
  const model = makeEntry();
  const inAnyCase = (name: string) =>
    fc.array(fc.boolean(), { minLength: name.length, maxLength: name.length }).map((upper) =>
      Array.from(name)
        .map((letter, at) => (upper[at] ? letter.toUpperCase() : letter.toLowerCase()))
        .join(''),
    );
  const valid = fc.constantFrom(...model.outputs).chain(inAnyCase);
  const unknown = fc.string({ minLength: 1 }).filter((name) => {
    const lower = name.trim().toLowerCase();
    return lower !== '' && !model.outputs.some((output) => output.toLowerCase() === lower);
  });
  const options = fc.record<SubmittedOptions>({
    instruments: fc.array(valid),
    useTta: fc.boolean(),
    extractInstrumental: fc.boolean(),
    outputFormat: fc.constantFrom('wav', 'flac'),
    pcmType: fc.constantFrom('PCM_16', 'PCM_24', 'FLOAT'),
    bigshifts: fc.integer({ min: -2, max: 20 }),
    numOverlap: fc.option(fc.integer({ min: -2, max: 60 })),
    batchSize: fc.option(fc.integer({ min: -2, max: 80 })),
  });

  test('valid instruments in any case resolve to the spelling and order of the model', () => {
    fc.assert(
      fc.property(options, (submitted) => {
        const resolved = resolveOptions(model, {
          ...submitted,
          outputFormat: 'wav',
          bigshifts: 1,
          numOverlap: 1,
          batchSize: 1,
        });
        if (!('options' in resolved)) throw new Error('refused');
        const asked = new Set(submitted.instruments.map((name) => name.toLowerCase()));
        expect(resolved.options.instruments).toEqual(
          model.outputs.filter((output) => asked.size === 0 || asked.has(output.toLowerCase())),
        );
      }),
    );
  });

  test('an unknown instrument is reported wherever it stands among valid ones', () => {
    fc.assert(
      fc.property(fc.array(valid), unknown, fc.array(valid), options, (before, name, after, submitted) => {
        const instruments = [...before, name, ...after];
        const resolved = resolveOptions(model, { ...submitted, instruments, extractInstrumental: false });
        if (!('problems' in resolved)) throw new Error('accepted');
        expect(resolved.problems.filter((problem) => problem.name === 'instruments')).toHaveLength(1);
      }),
    );
  });

  test('what is accepted is within every limit, and what is refused is refused for a reason that holds', () => {
    const within = (value: number | null, most: number) => value === null || (value >= 1 && value <= most);
    fc.assert(
      fc.property(options, (submitted) => {
        const { outputFormat, pcmType, bigshifts, numOverlap, batchSize } = submitted;
        const wrong = [
          ...(outputFormat === 'flac' && pcmType === 'FLOAT' ? ['pcm_type'] : []),
          ...(within(bigshifts, 16) ? [] : ['bigshifts']),
          ...(within(numOverlap, 50) ? [] : ['num_overlap']),
          ...(within(batchSize, 64) ? [] : ['batch_size']),
        ];
        const resolved = resolveOptions(model, submitted);
        expect('problems' in resolved ? resolved.problems.map(({ name }) => name) : []).toEqual(wrong);
      }),
    );
  });
});
