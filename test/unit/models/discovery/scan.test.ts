import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { ModelCandidate } from '../../../../src/models/inspection/modelEntry.ts';
import { scanForModels } from '../../../../src/models/discovery/scan.ts';
import { makeCheckpoint, makeFolder, makeLog, makeYaml } from '../modelFolder.ts';

const yaml = makeYaml({ modelType: 'mdx23c' });
const checkpoint = makeCheckpoint();

async function scan(roots: string[], listed: ModelCandidate[] = [], extraModelDirs: string[] = []) {
  const log = makeLog();
  const candidates = await scanForModels({ roots, extraModelDirs }, listed, log);
  return { names: candidates.map(({ name }) => name), candidates, warnings: log.warnings };
}

function listed(name: string, root: string, configPath: string, checkpointPath: string): ModelCandidate {
  return {
    name,
    architecture: null,
    configPath: path.join(root, configPath),
    checkpointPath: path.join(root, checkpointPath),
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
  };
}

test('models of the project and of msst_root are found, in folders of any name, sorted by name', async () => {
  const project = await makeFolder({
    'configs/config_starter.yaml': yaml,
    'pretrain/starter.ckpt': checkpoint,
  });
  const msst = await makeFolder({
    'configs/viperx/a.YAML': yaml,
    'pretrain/viperx/a.ckpt': checkpoint,
    'configs/kj/config_vocals.yml': yaml,
    'configs/kj/MelBandRoformer.ckpt': checkpoint,
  });
  const { names, warnings } = await scan([project, msst]);
  expect(names).toEqual(['a', 'starter', 'vocals']);
  expect(warnings).toEqual([]);
});

test('the same folder twice counts once, also by way of a symbolic link', async () => {
  const project = await makeFolder({ 'configs/a.yaml': yaml, 'pretrain/a.ckpt': checkpoint });
  await symlink(project, path.join(project, 'self'));
  const { names, warnings } = await scan([project, project, path.join(project, 'self')]);
  expect(names).toEqual(['a']);
  expect(warnings).toEqual([]);
});

describe('folders of other tools', () => {
  const inExtra = (folder: string) => scan([], [], [folder]);

  test('MSST-WebUI: YAMLs named after checkpoints, each in the folder of its class; its copy does not count', async () => {
    const webui = await makeFolder({
      'configs/vocal_models/big.ckpt.yaml': yaml,
      'configs/multi_stem_models/drums.th.yaml': yaml,
      'configs_backup/vocal_models/big.ckpt.yaml': yaml,
      'pretrain/vocal_models/big.ckpt': checkpoint,
      'pretrain/multi_stem_models/drums.th': checkpoint,
      'pretrain/VR_Models/1_HP-UVR.pth': checkpoint,
      'workenv/lib/x.yaml': yaml,
      'workenv/lib/x.pth': checkpoint,
    });
    const { names, candidates, warnings } = await inExtra(webui);
    expect(names).toEqual(['big', 'drums']);
    expect(candidates[0]).toMatchObject({
      configPath: path.join(webui, 'configs/vocal_models/big.ckpt.yaml'),
      checkpointPath: path.join(webui, 'pretrain/vocal_models/big.ckpt'),
    });
    expect(warnings).toEqual([]);
  });

  test('MSST-WebUI that was not started yet has its YAMLs in the copy', async () => {
    const webui = await makeFolder({
      'configs_backup/vocal_models/big.ckpt.yaml': yaml,
      'pretrain/vocal_models/big.ckpt': checkpoint,
    });
    expect((await inExtra(webui)).names).toEqual(['big']);
  });

  test('one folder with everything in it', async () => {
    const flat = await makeFolder({
      'a.ckpt': checkpoint,
      'a.yaml': yaml,
      'b.safetensors': checkpoint,
      'b_config.yaml': yaml,
      'weights.onnx': 'x',
    });
    const { names, warnings } = await inExtra(flat);
    expect(names).toEqual(['a', 'b']);
    expect(warnings).toEqual([]);
  });

  test('nested folders, each model in its own, and an MSST among them', async () => {
    const tools = await makeFolder({
      'models/roformer/kim/config.yaml': yaml,
      'models/roformer/kim/MelBandRoformer.ckpt': checkpoint,
      'models/vocals.yaml': yaml,
      'weights/of/vocals.pt': checkpoint,
      'MSST/configs/kj/config_x.yaml': yaml,
      'MSST/pretrain/x.ckpt': checkpoint,
      'MSST/models/bandit/validation.yaml': yaml,
      'env/lib/site-packages/torch/y.yaml': yaml,
      'env/lib/site-packages/torch/y.pt': checkpoint,
    });
    const { names, warnings } = await inExtra(tools);
    expect(names).toEqual(['MelBandRoformer', 'vocals', 'x']);
    expect(warnings).toEqual([]);
  });

  test('files that a root has already, and a folder that is given twice, are found once', async () => {
    const msst = await makeFolder({ 'configs/a.yaml': yaml, 'pretrain/a.ckpt': checkpoint });
    const { names, warnings } = await scan([msst], [], [msst, path.join(msst, 'pretrain'), msst]);
    expect(names).toEqual(['a']);
    expect(warnings).toEqual([]);
  });

  test('a YAML of one folder and a checkpoint of another belong together', async () => {
    const msst = await makeFolder({ 'configs/a.yaml': yaml });
    const downloads = await makeFolder({ 'new/a.ckpt': checkpoint });
    expect((await scan([msst], [], [downloads])).names).toEqual(['a']);
  });

  test('that are far too full are told by some of what was not looked into', async () => {
    const folder = await makeFolder({ 'a.yaml': yaml, 'a.ckpt': checkpoint });
    const deep = Array.from({ length: 8 }, () => 'd').join('/');
    const names = Array.from({ length: 50 }, (_, index) => `${deep}/e${String(index)}`);
    await Promise.all(names.map((name) => mkdir(path.join(folder, name), { recursive: true })));
    const { names: found, warnings } = await inExtra(folder);
    expect(found).toEqual(['a']);
    const [{ fields } = { fields: {} }] = warnings;
    expect(fields).toMatchObject({ count: 50 });
    expect((fields as { skipped: string[] }).skipped).toHaveLength(20);
  });

  test('are looked into as deep as the roots, and no deeper', async () => {
    const deep = Array.from({ length: 9 }, () => 'd').join('/');
    const folder = await makeFolder({
      [`${deep.slice(2)}/a.yaml`]: yaml,
      [`${deep.slice(2)}/a.ckpt`]: checkpoint,
      [`${deep}/b.yaml`]: yaml,
    });
    await symlink('..', path.join(folder, 'd/up'));
    const { names, warnings } = await inExtra(folder);
    expect(names).toEqual(['a']);
    expect(warnings.map(({ message }) => message)).toEqual([
      'folders nested too deeply or with too many entries were not searched for models',
    ]);
  });
});

test('a link that leads back up and a chain of folders without end do not hold up the scan', async () => {
  const deep = Array.from({ length: 12 }, () => 'd').join('/');
  const project = await makeFolder({
    'configs/a.yaml': yaml,
    'pretrain/a.ckpt': checkpoint,
    [`pretrain/${deep}/b.ckpt`]: checkpoint,
  });
  await symlink('..', path.join(project, 'pretrain/up'));
  const { names, warnings } = await scan([project]);
  expect(names).toEqual(['a']);
  expect(warnings.map(({ message }) => message)).toEqual([
    'folders nested too deeply or with too many entries were not searched for models',
  ]);
});

test.runIf(process.platform === 'linux')(
  'a link to the whole machine does not hide the models beside it, and leads to no process and no device',
  async () => {
    const folder = await makeFolder({ 'z/z/z.yaml': yaml, 'z/z/z.ckpt': checkpoint });
    await symlink('/', path.join(folder, 'all'));
    await symlink('/proc/self', path.join(folder, 'self'));
    const { names, warnings } = await scan([], [], [folder]);
    expect(names).toContain('z');
    const told = warnings.find(({ message }) => message.startsWith('virtual file systems such as'));
    const { skipped } = told?.fields as { skipped: string[] };
    expect(skipped).toEqual(
      expect.arrayContaining(['self', 'all/proc', 'all/dev'].map((name) => path.join(folder, name))),
    );
    expect(JSON.stringify(warnings)).not.toMatch(/\/proc\/|\/self\//);
  },
  30_000,
);

test('what lies behind links is looked into after what lies here, so that what is too full is left out last', async () => {
  const disk = await makeFolder({});
  const names = Array.from({ length: 2_001 }, (_, index) => `n${String(index)}.ckpt`);
  await Promise.all(names.map((name) => writeFile(path.join(disk, name), '')));
  const folder = await makeFolder({ 'z/z.yaml': yaml, 'z/z.ckpt': checkpoint });
  await symlink(disk, path.join(folder, 'a'));
  const other = await makeFolder({ 'late.yaml': yaml, 'late.ckpt': checkpoint });
  const found = await scan([], [], [folder, other]);
  expect(found.names).toEqual(['z']);
  expect(found.warnings[0]).toEqual({
    fields: { skipped: [other], count: 1 },
    message: 'folders nested too deeply or with too many entries were not searched for models',
  });
  const { fields, message } = found.warnings[1] ?? { fields: {}, message: '' };
  expect(fields).toMatchObject({ count: 2_001 });
  expect((fields as { checkpointsWithoutYaml: string[] }).checkpointsWithoutYaml).toHaveLength(20);
  const block = parse(message.slice(message.indexOf('models:'))) as { models: unknown[] };
  expect(block.models).toHaveLength(20);
  expect(message).toContain('to use 20 of the checkpoints');
});

test('an endless folder is left out, and what is in others is found', async () => {
  const folder = await makeFolder({ 'a/a.yaml': yaml, 'a/a.ckpt': checkpoint });
  await mkdir(path.join(folder, 'b'));
  const names = Array.from({ length: 20_001 }, (_, index) => path.join(folder, 'b', `n${String(index)}`));
  for (let at = 0; at < names.length; at += 500) {
    await Promise.all(names.slice(at, at + 500).map((name) => writeFile(name, '')));
  }
  const { names: found, warnings } = await scan([], [], [folder]);
  expect(found).toEqual(['a']);
  expect(warnings).toMatchObject([{ fields: { skipped: [path.join(folder, 'b')], count: 1 } }]);
}, 30_000);

test('a checkpoint folder that is a link to another disk is followed', async () => {
  const disk = await makeFolder({ 'a.ckpt': checkpoint });
  const project = await makeFolder({ 'configs/a.yaml': yaml });
  await symlink(disk, path.join(project, 'pretrain'));
  const { candidates } = await scan([project]);
  expect(candidates[0]?.checkpointPath).toBe(path.join(project, 'pretrain/a.ckpt'));
});

test('files that begin with a dot, and folders that are named like files, are passed over', async () => {
  const project = await makeFolder({
    'configs/._a.yaml': 'x',
    'configs/.ipynb_checkpoints/a.yaml': yaml,
    'pretrain/._a.ckpt': 'x',
  });
  await mkdir(path.join(project, 'configs/b.yaml'));
  await mkdir(path.join(project, 'pretrain/b.ckpt'));
  expect(await scan([project])).toEqual({ names: [], candidates: [], warnings: [] });
});

test('roots without configs and pretrain, and roots that do not exist, are empty', async () => {
  const project = await makeFolder({});
  expect(await scan([project, path.join(project, 'none')])).toEqual({
    names: [],
    candidates: [],
    warnings: [],
  });
});

test('a broken YAML is a warning that names it, and the others are served', async () => {
  const project = await makeFolder({
    'configs/good.yaml': yaml,
    'pretrain/good.ckpt': checkpoint,
    'configs/bad.yaml': 'training:\n\tinstruments: [a]',
    'pretrain/bad.ckpt': checkpoint,
  });
  const { names, warnings } = await scan([project]);
  expect(names).toEqual(['good']);
  expect(warnings).toEqual([
    {
      fields: { model: 'bad', configPath: path.join(project, 'configs/bad.yaml') },
      message: expect.stringMatching(/^a model is skipped: its YAML is broken in line 2: /) as string,
    },
  ]);
});

test('a model of unknown architecture is left out, with the entry that would serve it', async () => {
  const project = await makeFolder({ 'configs/x.yaml': makeYaml(), 'pretrain/x.ckpt': checkpoint });
  const { names, warnings } = await scan([project]);
  expect(names).toEqual([]);
  expect(warnings).toHaveLength(1);
  const [sentence, ...block] = (warnings[0]?.message ?? '').split('\n');
  expect(sentence).toContain('its architecture cannot be determined');
  expect(block).toContain('    # architecture: the MSST model type, if the YAML does not have it');
  expect(parse(block.join('\n'))).toEqual({
    models: [
      {
        name: 'x',
        config_path: path.join(project, 'configs/x.yaml'),
        checkpoint_path: path.join(project, 'pretrain/x.ckpt'),
      },
    ],
  });
});

test('all files without a partner make one warning, whose block can be pasted', async () => {
  const project = await makeFolder({
    'configs/config_vocals_mel_band_roformer_kj.yaml': makeYaml(),
    'configs/config_musdb18_scnet.yaml': makeYaml(),
    'pretrain/vocals_mel_band_roformer.ckpt': checkpoint,
    'pretrain/odd name: #1.ckpt': checkpoint,
  });
  const { names, warnings } = await scan([project]);
  expect(names).toEqual([]);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]?.fields).toEqual({
    yamlsWithoutCheckpoint: [
      path.join(project, 'configs/config_musdb18_scnet.yaml'),
      path.join(project, 'configs/config_vocals_mel_band_roformer_kj.yaml'),
    ],
    checkpointsWithoutYaml: [
      path.join(project, 'pretrain/odd name: #1.ckpt'),
      path.join(project, 'pretrain/vocals_mel_band_roformer.ckpt'),
    ],
  });
  const block: unknown = parse(`models:${warnings[0]?.message.split('models:').at(-1) ?? ''}`);
  expect(block).toEqual({
    models: [
      {
        name: 'odd-name-1',
        config_path: '/path/to/its/config.yaml',
        checkpoint_path: path.join(project, 'pretrain/odd name: #1.ckpt'),
      },
      {
        name: 'vocals_mel_band_roformer',
        architecture: 'mel_band_roformer',
        config_path: path.join(project, 'configs/config_vocals_mel_band_roformer_kj.yaml'),
        checkpoint_path: path.join(project, 'pretrain/vocals_mel_band_roformer.ckpt'),
      },
    ],
  });
});

test('the block to paste takes no name that a model has, or another entry of it: that would replace it', async () => {
  const folder = await makeFolder({
    'a/x.yaml': yaml,
    'a/x.ckpt': checkpoint,
    'b/x.ckpt': checkpoint,
    'b/y.ckpt': checkpoint,
    'c/y.ckpt': checkpoint,
    'z.ckpt': checkpoint,
  });
  const { names, warnings } = await scan([], [listed('z', folder, 'z.yaml', 'other.ckpt')], [folder]);
  expect(names).toEqual(['x']);
  const message = warnings.at(-1)?.message ?? '';
  const block = parse(message.slice(message.indexOf('models:'))) as { models: { name: string }[] };
  expect(block.models.map(({ name }) => name)).toEqual(['b-x', 'y', 'c-y', 'z-2']);
});

test('files that a listed model uses are neither found again nor reported as without a partner', async () => {
  const project = await makeFolder({
    'configs/a.yaml': yaml,
    'pretrain/a.ckpt': checkpoint,
    'configs/b.yaml': yaml,
    'pretrain/b.ckpt': checkpoint,
    'configs/config_c.yaml': yaml,
    'pretrain/MelBand.ckpt': checkpoint,
  });
  const { names, warnings } = await scan(
    [project],
    [
      listed('A', project, 'elsewhere.yaml', 'elsewhere.ckpt'),
      listed('better-name', project, 'configs/b.yaml', 'pretrain/b.ckpt'),
      listed('c', project, 'configs/config_c.yaml', 'pretrain/MelBand.ckpt'),
    ],
  );
  expect(names).toEqual([]);
  expect(warnings).toEqual([]);
});
