import { createHash } from 'node:crypto';
import { appendFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ListedModel } from '../../../../src/config/config.ts';
import { AppError, type ParamProblem } from '../../../../src/errors.ts';
import type { ModelEntry } from '../../../../src/models/inspection/modelEntry.ts';
import { createModelCatalog } from '../../../../src/models/catalog/modelCatalog.ts';
import type { ModuleNeeds } from '../../../../src/models/inspection/moduleNeeds.ts';
import { makeCheckpoint, makeFolder, makeLog, makeYaml, putFile } from '../modelFolder.ts';

const checkpoint = makeCheckpoint();

/** A folder with one model of each name, of the architecture mdx23c unless `name:architecture`. */
async function makeModels(...specs: string[]): Promise<string> {
  const files = specs.flatMap((spec): [string, string | Buffer][] => {
    const [name = '', modelType = 'mdx23c'] = spec.split(':');
    return [
      [`configs/config_${name}.yaml`, makeYaml({ modelType })],
      [`pretrain/${name}.ckpt`, checkpoint],
    ];
  });
  return makeFolder(Object.fromEntries(files));
}

const NOTHING_MISSING: ModuleNeeds = {
  architectures: () => null,
  missing: () => [],
  marks: () => '',
  refresh: () => Promise.resolve(),
};

async function makeCatalog(
  projectRoot: string,
  settings: {
    listed?: ListedModel[];
    defaultModelType?: string;
    msstRoot?: string;
    extraModelDirs?: string[];
    needs?: ModuleNeeds;
  } = {},
) {
  const log = makeLog();
  const {
    listed = [],
    defaultModelType = null,
    msstRoot = projectRoot,
    extraModelDirs = [],
    needs = NOTHING_MISSING,
  } = settings;
  const catalog = await createModelCatalog({
    projectRoot,
    msstRoot,
    extraModelDirs,
    needs,
    listed,
    defaultModelType,
    log,
  });
  return { catalog, warnings: log.warnings, names: () => catalog.list().map(({ name }) => name) };
}

function makeListed(name: string, root: string, changes: Partial<ListedModel> = {}): ListedModel {
  return {
    name,
    architecture: null,
    configPath: path.join(root, `configs/config_${name}.yaml`),
    checkpointPath: path.join(root, `pretrain/${name}.ckpt`),
    description: null,
    licence: null,
    trustPickle: false,
    loraCheckpointPeft: null,
    loraCheckpointLoralib: null,
    batchSize: null,
    numOverlap: null,
    precision: 'fp32',
    compile: false,
    msstArguments: [],
    ...changes,
  };
}

async function refusal(promise: Promise<unknown>): Promise<AppError> {
  const error: unknown = await promise.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason,
  );
  if (error instanceof AppError) return error;
  throw error;
}

/** The model that a submission was given. */
async function found(promise: Promise<ModelEntry | { problem: ParamProblem }>): Promise<ModelEntry> {
  const model = await promise;
  if ('problem' in model) throw new Error(model.problem.message);
  return model;
}

test('the repository as it is cloned serves the starter, and it is the default', async () => {
  const root = path.join(import.meta.dirname, '../../../..');
  const { catalog, warnings } = await makeCatalog(root);
  expect(catalog.list()).toMatchObject([
    {
      name: 'starter',
      architecture: 'mdx23c',
      displayConfigPath: 'configs/config_starter.yaml',
      displayCheckpointPath: 'pretrain/starter.ckpt',
      instruments: ['drums', 'bass', 'other'],
      outputs: ['drums', 'bass', 'other'],
      sampleRate: 44_100,
      stereo: true,
      checkpointBytes: (await stat(path.join(root, 'pretrain/starter.ckpt'))).size,
    },
  ]);
  expect(catalog.default()?.name).toBe('starter');
  expect(warnings).toEqual([]);
});

describe('the architecture', () => {
  const network = 'model: { dim: 8, depth: 1, num_bands: 60 }\n';
  const doubts = (warnings: { fields: object; message: string }[]) =>
    warnings.filter(({ message }) => message === 'the architecture of a model is uncertain');

  test('is told by the content of what is scanned, and a doubt is said once for as long as it lasts', async () => {
    const root = await makeFolder({
      'configs/vocals_bs_roformer.yaml': network + makeYaml(),
      'pretrain/vocals_bs_roformer.ckpt': checkpoint,
    });
    const { catalog, warnings } = await makeCatalog(root);
    expect(catalog.list()).toMatchObject([{ architecture: 'mel_band_roformer' }]);
    await putFile(path.join(root, 'pretrain/vocals_bs_roformer.ckpt'), makeCheckpoint('other weights'));
    await catalog.refresh();
    const fields = {
      model: 'vocals_bs_roformer',
      architecture: 'mel_band_roformer',
      reason: expect.stringContaining("files' names say bs_roformer") as string,
    };
    expect(doubts(warnings)).toMatchObject([{ fields }]);
  });

  test('of an entry or a YAML is taken in the case that this MSST has it in', async () => {
    const root = await makeModels('a');
    await putFile(path.join(root, 'configs/b.yaml'), makeYaml({ modelType: 'SCNet' }));
    await putFile(path.join(root, 'pretrain/b.ckpt'), checkpoint);
    const listed = [makeListed('a', root, { architecture: 'MDX23C' })];
    const { catalog, warnings } = await makeCatalog(root, {
      listed,
      needs: { ...NOTHING_MISSING, architectures: () => ['scnet', 'mdx23c'] },
    });
    expect(catalog.list()).toMatchObject([{ architecture: 'mdx23c' }, { architecture: 'scnet' }]);
    expect(doubts(warnings)).toHaveLength(2);
  });

  test('that is not known is a doubt where the MSST does not tell what it builds', async () => {
    const root = await makeModels('a');
    const listed = [makeListed('a', root, { architecture: 'scnett' })];
    const { names, warnings } = await makeCatalog(root, { listed });
    expect(names()).toEqual(['a']);
    const reason = 'the architecture "scnett" is not a known architecture of MSST; did you mean scnet?';
    expect(doubts(warnings)).toMatchObject([{ fields: { reason } }]);
  });

  test('also leads to a model that cannot be used, whose YAML tells it', async () => {
    const root = await makeFolder({ 'configs/a.yaml': network + makeYaml(), 'pretrain/a.ckpt': '' });
    const { catalog } = await makeCatalog(root);
    const error = await refusal(catalog.require('mel_band_roformer'));
    expect(error.code).toBe('MODEL_UNAVAILABLE');
  });
});

test('files of an extra folder are shown relative to it', async () => {
  const extra = await makeFolder({
    'configs/of/a.ckpt.yaml': makeYaml({ modelType: 'mdx23c' }),
    'pretrain/of/a.ckpt': checkpoint,
  });
  const { catalog } = await makeCatalog(await makeFolder({}), { extraModelDirs: [extra] });
  expect(catalog.list()).toMatchObject([
    { name: 'a', displayConfigPath: 'configs/of/a.ckpt.yaml', displayCheckpointPath: 'pretrain/of/a.ckpt' },
  ]);
});

describe('what is listed', () => {
  test('listed models come first, in their order; scanned ones follow by name', async () => {
    const root = await makeModels('c', 'b', 'z', 'y');
    const listed = [makeListed('z', root), makeListed('y', root)];
    expect((await makeCatalog(root, { listed })).names()).toEqual(['z', 'y', 'b', 'c']);
  });

  test('a listed model replaces the scanned one of its name, with all the configuration says of it', async () => {
    const root = await makeModels('a', 'other');
    const changes = {
      architecture: 'bs_roformer',
      description: 'mine',
      licence: 'MIT',
      batchSize: 2,
      numOverlap: 3,
      precision: 'bf16' as const,
      compile: true,
    };
    const listed = [
      makeListed('a', root, { ...changes, checkpointPath: path.join(root, 'pretrain/other.ckpt') }),
    ];
    const { catalog } = await makeCatalog(root, { listed });
    expect(catalog.find('a')).toMatchObject({ ...changes, displayCheckpointPath: 'pretrain/other.ckpt' });
  });

  test('what the YAML says of a model is told, unless the configuration says something else', async () => {
    const root = await makeModels('a', 'b');
    for (const name of ['a', 'b']) {
      await appendFile(
        path.join(root, `configs/config_${name}.yaml`),
        'description: of the YAML\nlicence: MIT\n',
      );
    }
    const { catalog } = await makeCatalog(root, { listed: [makeListed('b', root, { description: 'mine' })] });
    expect(catalog.find('a')).toMatchObject({ description: 'of the YAML', licence: 'MIT' });
    expect(catalog.find('b')).toMatchObject({ description: 'mine', licence: 'MIT' });
  });

  test('a model that is computed otherwise is another version: what was measured of it does not hold', async () => {
    const root = await makeModels('a');
    const versionOf = async (changes: Partial<ListedModel>) => {
      const { catalog } = await makeCatalog(root, { listed: [makeListed('a', root, changes)] });
      return catalog.find('a')?.version;
    };
    const ways = [
      {},
      { precision: 'bf16' },
      { compile: true },
      { precision: 'bf16', compile: true },
    ] as const;
    const versions = await Promise.all(ways.map(versionOf));
    expect(new Set(versions).size).toBe(ways.length);
    expect(await versionOf({ precision: 'fp32' })).toBe(versions[0]);
  });

  test('of two listed models with one name the first holds, with a warning', async () => {
    const root = await makeModels('a');
    const listed = [makeListed('a', root, { description: 'first' }), makeListed('A', root)];
    const { catalog, warnings } = await makeCatalog(root, { listed });
    expect(catalog.list()).toMatchObject([{ name: 'a', description: 'first' }]);
    expect(warnings.map(({ message }) => message)).toEqual([
      'a model is listed twice: the first entry is used',
    ]);
  });

  test('a target is the only thing its model puts out, beside all its instruments', async () => {
    const root = await makeFolder({
      'configs/a.yaml': makeYaml({ modelType: 'mdx23c', target: 'vocals' }),
      'pretrain/a.ckpt': checkpoint,
    });
    const { catalog } = await makeCatalog(root);
    expect(catalog.find('a')).toMatchObject({
      instruments: ['vocals', 'other'],
      outputs: ['vocals'],
      targetInstrument: 'vocals',
    });
  });

  test('paths are shown relative to the project or msst_root, else as configured', async () => {
    const project = await makeFolder({});
    const msstRoot = await makeModels('a');
    const elsewhere = await makeModels('b');
    const { catalog } = await makeCatalog(project, { msstRoot, listed: [makeListed('b', elsewhere)] });
    expect(catalog.find('a')?.displayConfigPath).toBe('configs/config_a.yaml');
    expect(catalog.find('b')?.displayConfigPath).toBe(path.join(elsewhere, 'configs/config_b.yaml'));
  });
});

describe('which model a name means', () => {
  test('the exact name, then the name in any case, then an architecture', async () => {
    const root = await makeModels('mdx23c:bs_roformer', 'vocals');
    const { catalog } = await makeCatalog(root);
    expect(catalog.find('mdx23c')?.architecture).toBe('bs_roformer');
    expect(catalog.find('VOCALS')?.name).toBe('vocals');
    expect(catalog.find('bs_roformer')?.name).toBe('mdx23c');
    expect(catalog.find('scnet')).toBeNull();
  });

  test('an architecture means the default if it is of that one, else the first in list order', async () => {
    const root = await makeModels('a', 'b', 'c:scnet');
    expect((await makeCatalog(root, { defaultModelType: 'b' })).catalog.find('MDX23C')?.name).toBe('b');
    expect((await makeCatalog(root, { defaultModelType: 'c' })).catalog.find('mdx23c')?.name).toBe('a');
  });

  test('an architecture passes over a model of it that cannot be used', async () => {
    const root = await makeModels('a', 'b');
    await putFile(path.join(root, 'pretrain/a.ckpt'), '');
    expect((await makeCatalog(root)).catalog.find('mdx23c')?.name).toBe('b');
  });
});

describe('the default', () => {
  test.each([
    ['the configured one', ['starter', 'b'], 'b', 'b'],
    ['the only model', ['b'], undefined, 'b'],
    ['else starter', ['a', 'starter'], undefined, 'starter'],
    ['else none', ['a', 'b'], undefined, undefined],
  ])('%s', async (_, specs, defaultModelType, expected) => {
    const root = await makeModels(...specs);
    const { catalog } = await makeCatalog(root, defaultModelType === undefined ? {} : { defaultModelType });
    expect(catalog.default()?.name).toBe(expected);
  });

  test('a configured one that does not exist is a warning with the nearest name, and no other takes its place', async () => {
    const root = await makeModels('starter', 'b');
    const { catalog, warnings } = await makeCatalog(root, { defaultModelType: 'startr' });
    expect(warnings).toEqual([
      {
        fields: { default_model_type: 'startr', didYouMean: 'starter', names: ['b', 'starter'] },
        message: 'default_model_type names an unknown model: there is no default',
      },
    ]);
    expect(await catalog.require(undefined)).toMatchObject({ problem: { name: 'model_type' } });
  });

  test('a default that cannot be used is not silently another model', async () => {
    const root = await makeModels('starter', 'b');
    await putFile(path.join(root, 'pretrain/starter.ckpt'), '');
    const { catalog } = await makeCatalog(root);
    expect(catalog.default()).toBeNull();
    expect(catalog.unavailable()).toMatchObject([{ name: 'starter', isDefault: true }]);
    expect((await refusal(catalog.require(undefined))).code).toBe('MODEL_UNAVAILABLE');
  });
});

describe('a submission', () => {
  test('gets the model it names', async () => {
    const { catalog } = await makeCatalog(await makeModels('a', 'b'));
    expect((await found(catalog.require('b'))).name).toBe('b');
  });

  test('with an unknown model_type is told the valid ones and the nearest', async () => {
    const { catalog } = await makeCatalog(await makeModels('vocals', 'drums'));
    expect(await catalog.require('vocal')).toEqual({
      problem: {
        name: 'model_type',
        message: 'model_type "vocal" is not known. Did you mean "vocals"? Valid: drums, vocals.',
        received: 'vocal',
        allowed: 'drums, vocals',
        did_you_mean: 'vocals',
      },
    });
  });

  test('an endless model_type is not repeated back', async () => {
    const { catalog } = await makeCatalog(await makeModels('a', 'b'));
    const { problem } = (await catalog.require('x'.repeat(1_000_000))) as { problem: ParamProblem };
    expect(JSON.stringify(problem).length).toBeLessThan(1000);
  });

  test('without model_type, where there is no default, is told the valid ones', async () => {
    const { catalog } = await makeCatalog(await makeModels('a', 'b'));
    expect(await catalog.require(undefined)).toEqual({
      problem: {
        name: 'model_type',
        message: 'model_type is missing, and this server has no default. Valid: a, b.',
        allowed: 'a, b',
      },
    });
  });

  test('on a server without any model is not the fault of the client', async () => {
    const { catalog } = await makeCatalog(await makeFolder({}));
    for (const modelType of ['a', undefined]) {
      expect((await refusal(catalog.require(modelType))).code).toBe('MODEL_UNAVAILABLE');
    }
  });
});

describe('models whose files fail', () => {
  test('a listed model whose checkpoint is missing at the start is a warning, and not in the list', async () => {
    const root = await makeModels('a');
    const { catalog, warnings, names } = await makeCatalog(root, {
      listed: [
        makeListed('gone', root, {
          configPath: path.join(root, 'configs/config_a.yaml'),
        }),
      ],
    });
    expect(names()).toEqual(['a']);
    expect(warnings.map(({ fields, message }) => ({ message, ...fields }))).toContainEqual(
      expect.objectContaining({
        message: 'a model is unavailable',
        model: 'gone',
        reason: 'its checkpoint is missing',
      }),
    );
    const error = await refusal(catalog.require('gone'));
    expect(error.code).toBe('MODEL_UNAVAILABLE');
    expect(error.message).toBe('The model "gone" is unavailable: its checkpoint is missing. Available: a.');
  });

  test('a checkpoint that vanishes and comes back takes its model along', async () => {
    const root = await makeModels('a', 'b');
    const { catalog, names } = await makeCatalog(root);
    await rm(path.join(root, 'pretrain/a.ckpt'));
    expect(await refusal(catalog.require('a'))).toMatchObject({ code: 'MODEL_UNAVAILABLE' });
    expect(names()).toEqual(['b']);
    expect(catalog.unavailable()).toEqual([
      { name: 'a', reason: 'its checkpoint is missing', listed: false, isDefault: false },
    ]);
    await putFile(path.join(root, 'pretrain/a.ckpt'), checkpoint);
    expect((await found(catalog.require('a'))).name).toBe('a');
    expect(catalog.unavailable()).toEqual([]);
  });

  test('a model that vanished is still known by its architecture', async () => {
    const root = await makeModels('a:scnet', 'b');
    const { catalog } = await makeCatalog(root);
    await rm(path.join(root, 'pretrain/a.ckpt'));
    expect((await refusal(catalog.require('scnet'))).code).toBe('MODEL_UNAVAILABLE');
  });

  test('a checkpoint that is exchanged for a damaged one is noticed, at the same size too', async () => {
    const root = await makeModels('a');
    const { catalog } = await makeCatalog(root);
    await putFile(path.join(root, 'pretrain/a.ckpt'), Buffer.alloc(checkpoint.length, 'x'));
    await utimes(path.join(root, 'pretrain/a.ckpt'), 1, 1);
    expect((await refusal(catalog.require('a'))).message).toContain(
      'neither a PyTorch nor a safetensors file',
    );
  });

  test('a YAML that changes changes the model, and its version', async () => {
    const root = await makeModels('a');
    const { catalog } = await makeCatalog(root);
    const before = catalog.find('a');
    await putFile(
      path.join(root, 'configs/config_a.yaml'),
      makeYaml({ modelType: 'mdx23c', instruments: ['kick'] }),
    );
    await catalog.refresh();
    expect(catalog.find('a')?.outputs).toEqual(['kick']);
    expect(catalog.find('a')?.version).not.toBe(before?.version);
  });

  test('a model that failed to load stays out until its file changes', async () => {
    const root = await makeModels('a', 'b');
    const { catalog } = await makeCatalog(root);
    catalog.markUnavailable('a', 'its weights do not fit its YAML');
    await catalog.refresh();
    expect((await refusal(catalog.require('a'))).message).toBe(
      'The model "a" is unavailable: its weights do not fit its YAML. Available: b.',
    );
    await putFile(path.join(root, 'pretrain/a.ckpt'), makeCheckpoint('better weights'));
    expect((await found(catalog.require('a'))).name).toBe('a');
  });

  test('files that do not change are not read again, and say nothing new to the log', async () => {
    const root = await makeModels('a');
    await putFile(path.join(root, 'pretrain/a.ckpt'), '');
    const { catalog, warnings } = await makeCatalog(root);
    const before = warnings.length;
    await Promise.all([catalog.refresh(), catalog.refresh(), refusal(catalog.require('a'))]);
    expect(warnings).toHaveLength(before);
  });

  test('a LoRA checkpoint that is missing makes its model unavailable', async () => {
    const root = await makeModels('a');
    const lora = path.join(root, 'pretrain/lora.pt');
    const listed = [makeListed('a', root, { loraCheckpointPeft: lora })];
    const { catalog } = await makeCatalog(root, { listed });
    expect(catalog.unavailable()).toMatchObject([{ reason: 'its LoRA checkpoint is missing', listed: true }]);
    await putFile(lora, checkpoint);
    expect((await found(catalog.require('a'))).loraCheckpointPeft).toBe(lora);
  });

  test('a LoRA checkpoint is looked into like any other', async () => {
    const root = await makeModels('a');
    const lora = path.join(root, 'lora.pt');
    await putFile(lora, 'version https://git-lfs.github.com/spec/v1');
    for (const given of [{ loraCheckpointPeft: lora }, { loraCheckpointLoralib: lora }]) {
      const { catalog } = await makeCatalog(root, { listed: [makeListed('a', root, given)] });
      expect(catalog.unavailable()).toMatchObject([
        { reason: 'its LoRA checkpoint is a Git LFS pointer instead of the file: run `git lfs pull`' },
      ]);
    }
    const { catalog } = await makeCatalog(root, {
      listed: [makeListed('a', root, { loraCheckpointLoralib: path.dirname(lora) })],
    });
    expect(catalog.unavailable()).toMatchObject([{ reason: 'its LoRA checkpoint is not a file' }]);
  });

  test('a LoRA checkpoint by peft may be the folder that save_pretrained wrote', async () => {
    const root = await makeModels('a');
    const folder = path.join(root, 'adapter');
    await putFile(path.join(folder, 'adapter_config.json'), '{}');
    const { catalog } = await makeCatalog(root, {
      listed: [makeListed('a', root, { loraCheckpointPeft: folder })],
    });
    expect(catalog.unavailable()).toMatchObject([
      { reason: 'its LoRA checkpoint is a folder without adapter_model.safetensors or adapter_model.bin' },
    ]);
    await putFile(path.join(folder, 'adapter_model.bin'), checkpoint);
    expect((await found(catalog.require('a'))).loraCheckpointPeft).toBe(folder);
  });

  test.each([
    ['a file of loralib', 'loraCheckpointLoralib', 'lora/file.pt', ['lora/file.pt']],
    [
      'a file of peft and its settings',
      'loraCheckpointPeft',
      'lora/file.bin',
      ['lora/file.bin', 'lora/adapter_config.json'],
    ],
    [
      'a folder of peft',
      'loraCheckpointPeft',
      'lora',
      ['lora/adapter_model.bin', 'lora/adapter_config.json'],
    ],
  ])('%s: whichever changes, the model has another version', async (_, key, given, files) => {
    const root = await makeModels('a');
    for (const file of ['lora/file.pt', 'lora/file.bin', 'lora/adapter_model.bin']) {
      await putFile(path.join(root, file), checkpoint);
    }
    const listed = [makeListed('a', root, { [key]: path.join(root, given) })];
    const { catalog } = await makeCatalog(root, { listed });
    const versions = new Set([(await found(catalog.require('a'))).version]);
    for (const [index, file] of files.entries()) {
      await writeFile(path.join(root, file), makeCheckpoint(`another ${file}`));
      versions.add((await found(catalog.require('a'))).version);
      expect(versions.size).toBe(index + 2);
    }
  });

  test('no reason and no message names a path of the server', async () => {
    const root = await makeModels('a', 'b', 'c');
    await putFile(path.join(root, 'pretrain/a.ckpt'), '');
    await putFile(path.join(root, 'pretrain/b.ckpt'), 'text');
    const { catalog } = await makeCatalog(root, { listed: [makeListed('gone', root)] });
    await putFile(path.join(root, 'configs/config_c.yaml'), '\t');
    await catalog.refresh();
    expect(catalog.unavailable()).toHaveLength(4);
    for (const { name } of catalog.unavailable()) {
      const error = await refusal(catalog.require(name));
      expect(JSON.stringify([error.message, error.details])).not.toContain(root);
    }
  });
});

describe('trust_pickle', () => {
  const sha256 = createHash('sha256').update(checkpoint).digest('hex');

  test.each([
    ['false', false, false],
    ['true', true, true],
    ['the sha256 of the checkpoint', sha256, true],
    ['the same in capitals', sha256.toUpperCase(), true],
  ])('%s makes it %s', async (_, trustPickle, trusted) => {
    const root = await makeModels('a');
    const { catalog } = await makeCatalog(root, { listed: [makeListed('a', root, { trustPickle })] });
    expect(catalog.find('a')?.trustPickle).toBe(trusted);
  });

  test('a checkpoint that takes the place of the pinned one does not inherit its trust', async () => {
    const root = await makeModels('a');
    const { catalog } = await makeCatalog(root, { listed: [makeListed('a', root, { trustPickle: sha256 })] });
    await putFile(path.join(root, 'pretrain/a.ckpt'), makeCheckpoint('another'));
    expect((await refusal(catalog.require('a'))).message).toContain('does not have the sha256 given in');
    expect(catalog.list()).toEqual([]);
  });
});

test('the YAML of a listed model needs no architecture where the configuration gives one', async () => {
  const root = await makeFolder({ 'configs/config_x.yaml': makeYaml(), 'pretrain/x.ckpt': checkpoint });
  const without = await makeCatalog(root, { listed: [makeListed('x', root)] });
  expect(without.catalog.unavailable()).toMatchObject([{ reason: 'its architecture cannot be determined' }]);
  const given = await makeCatalog(root, { listed: [makeListed('x', root, { architecture: 'mdx23c' })] });
  expect(given.catalog.find('x')?.architecture).toBe('mdx23c');
});

describe('a model whose architecture needs a module that is not installed', () => {
  /** Packages come and go by these. */
  function installable() {
    const state = { missing: ['demucs', 'openunmix'], marks: 'before' };
    const needs: ModuleNeeds = {
      architectures: () => null,
      missing: (architecture) => (architecture === 'htdemucs' ? state.missing : []),
      marks: () => state.marks,
      refresh: () => Promise.resolve(),
    };
    return { state, needs };
  }

  test('is unavailable from the start, and says what it needs; it works once that is installed', async () => {
    const { state, needs } = installable();
    const { catalog, names, warnings } = await makeCatalog(await makeModels('a:htdemucs', 'b'), { needs });
    expect(names()).toEqual(['b']);
    const reason = 'it needs the Python modules demucs, openunmix, which are not installed';
    expect(catalog.unavailable()).toMatchObject([{ name: 'a', reason }]);
    expect(warnings).toMatchObject([{ message: 'a model is unavailable', fields: { model: 'a', reason } }]);
    await expect(catalog.require('a')).rejects.toThrow(`The model "a" is unavailable: ${reason}.`);
    Object.assign(state, { missing: ['openunmix'], marks: 'half' });
    expect(await catalog.look('a')).toContain('it needs the Python module openunmix, which is not installed');
    Object.assign(state, { missing: [], marks: 'after' });
    expect(await catalog.require('a')).toMatchObject({ name: 'a' });
  });

  test('and whose worker found out so is tried again after an install, and no sooner', async () => {
    const { state, needs } = installable();
    const { catalog, names } = await makeCatalog(await makeModels('a', 'b'), { needs });
    catalog.markUnavailable(
      'a',
      'The model a cannot be loaded: it needs the Python module x, which is not installed.',
    );
    expect(await catalog.look('a')).toBe(
      'The model "a" is unavailable: it needs the Python module x, which is not installed.',
    );
    await catalog.refresh();
    expect(names()).toEqual(['b']);
    state.marks = 'after';
    await catalog.refresh();
    expect(names()).toEqual(['a', 'b']);
  });

  test('an install changes nothing for one that failed for another reason', async () => {
    const { state, needs } = installable();
    const { catalog, names } = await makeCatalog(await makeModels('a', 'b'), { needs });
    catalog.markUnavailable('a', 'The model a cannot be loaded: its checkpoint is damaged.');
    state.marks = 'after';
    await catalog.refresh();
    expect(names()).toEqual(['b']);
  });
});

describe('a model whose architecture this MSST does not build', () => {
  /** A checkout that may become another. */
  function checkout(...architectures: string[]) {
    const state: { architectures: string[] | null; marks: string } = { architectures, marks: 'before' };
    const needs: ModuleNeeds = {
      architectures: () => state.architectures,
      missing: () => [],
      marks: () => state.marks,
      refresh: () => Promise.resolve(),
    };
    return { state, needs };
  }

  test.each([
    ['scnett', 'this MSST has no architecture "scnett" (did you mean scnet?); it has mdx23c, scnet'],
    ['bs_roformer', 'this MSST has no architecture "bs_roformer"; it has mdx23c, scnet'],
  ])('is unavailable from the start, and says what there is: %s', async (architecture, reason) => {
    const { needs } = checkout('mdx23c', 'scnet');
    const root = await makeModels(`a:${architecture}`, 'b');
    const listed = [
      makeListed('c', root, {
        architecture,
        configPath: path.join(root, 'configs/config_c.yaml'),
        checkpointPath: path.join(root, 'pretrain/b.ckpt'),
      }),
    ];
    await putFile(path.join(root, 'configs/config_c.yaml'), makeYaml());
    const { catalog, names, warnings } = await makeCatalog(root, { needs, listed });
    expect(names()).toEqual(['b']);
    expect(catalog.unavailable()).toMatchObject([
      { name: 'c', reason, listed: true },
      { name: 'a', reason, listed: false },
    ]);
    expect(warnings.filter(({ message }) => message === 'a model is unavailable')).toHaveLength(2);
    expect(await refusal(catalog.require('a'))).toMatchObject({
      code: 'MODEL_UNAVAILABLE',
      message: `The model "a" is unavailable: ${reason}. Available: b.`,
      details: { valid_model_types: ['b'] },
    });
  });

  test('is so too where its content tells the architecture', async () => {
    const { needs } = checkout('mdx23c', 'scnet');
    const root = await makeFolder({
      'configs/a.yaml': 'model: { dim: 8, depth: 1, num_bands: 60 }\n' + makeYaml(),
      'pretrain/a.ckpt': checkpoint,
    });
    const { catalog } = await makeCatalog(root, { needs });
    expect(catalog.unavailable()).toMatchObject([
      { name: 'a', reason: expect.stringContaining('has no architecture "mel_band_roformer"') as string },
    ]);
  });

  test.each([
    ['in another case', 'BS-RoFormer', undefined, ['bs_roformer']],
    ['where the list cannot be read', 'my_network', undefined, null],
    ['where the YAML has one, which MSST takes before it', 'my_network', 'bs_roformer', ['bs_roformer']],
  ])('is not refused %s', async (_, architecture, modelType, has) => {
    const { state, needs } = checkout();
    state.architectures = has;
    const root = await makeModels('a');
    await putFile(
      path.join(root, 'configs/config_a.yaml'),
      makeYaml(modelType === undefined ? {} : { modelType }),
    );
    const { catalog } = await makeCatalog(root, { needs, listed: [makeListed('a', root, { architecture })] });
    expect(catalog.unavailable()).toEqual([]);
  });

  test('works once the checkout has it, and stays as it is when one loses what it had', async () => {
    const { state, needs } = checkout('mdx23c');
    const { catalog, names } = await makeCatalog(await makeModels('a:scnet', 'b'), { needs });
    expect(names()).toEqual(['b']);
    Object.assign(state, { architectures: ['scnet', 'scnet_masked'], marks: 'after' });
    expect(await catalog.require('a')).toMatchObject({ name: 'a', architecture: 'scnet' });
    expect(names()).toEqual(['a', 'b']);
  });

  test('is told a list that ends', async () => {
    const { needs } = checkout(...Array.from({ length: 500 }, (_, index) => `network_${String(index)}`));
    const { catalog } = await makeCatalog(await makeModels('a'), { needs });
    const [{ reason } = { reason: '' }] = catalog.unavailable();
    expect(reason).toContain('network_39 and 460 more');
    expect(reason).not.toContain('network_40');
  });
});
