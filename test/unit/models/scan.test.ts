import { mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import type { ModelCandidate } from '../../../src/models/modelEntry.ts';
import { scanForModels } from '../../../src/models/scan.ts';
import { makeCheckpoint, makeFolder, makeLog, makeYaml } from './modelFolder.ts';

const yaml = makeYaml({ modelType: 'mdx23c' });
const checkpoint = makeCheckpoint();

async function scan(roots: string[], listed: ModelCandidate[] = []) {
  const log = makeLog();
  const candidates = await scanForModels(roots, listed, log);
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
    'folders too deep or too full were not searched for models',
  ]);
});

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
      message: expect.stringMatching(/^a model is left out: its YAML is broken in line 2: /) as string,
    },
  ]);
});

test('a model of unknown architecture is left out, with the entry that would serve it', async () => {
  const project = await makeFolder({ 'configs/x.yaml': makeYaml(), 'pretrain/x.ckpt': checkpoint });
  const { names, warnings } = await scan([project]);
  expect(names).toEqual([]);
  expect(warnings).toHaveLength(1);
  const [sentence, ...block] = (warnings[0]?.message ?? '').split('\n');
  expect(sentence).toContain('nothing tells its architecture');
  expect(block).toContain('    # architecture: the type that MSST calls it by, where the YAML does not tell');
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
