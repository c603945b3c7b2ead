import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FoundFile } from '../../../../src/models/discovery/modelFiles.ts';
import { cleanName, pairModels } from '../../../../src/models/discovery/pairing.ts';

/** `1:sage/x.ckpt` → pretrain/sage/x.ckpt of the second root. */
function found(spec: string, top: string): FoundFile {
  const root = spec.startsWith('1:') ? 1 : 0;
  const name = spec.replace(/^\d:/, '');
  const folder = path.dirname(name);
  return { path: `/place${String(root)}/${top}/${name}`, root, folder: folder === '.' ? '' : folder };
}

function pair(yamls: string[], checkpoints: string[]) {
  return pairModels(
    yamls.map((spec) => found(spec, 'configs')),
    checkpoints.map((spec) => found(spec, spec.includes('configs!') ? 'configs' : 'pretrain')),
  );
}

const named = (pairing: ReturnType<typeof pair>) =>
  Object.fromEntries(pairing.pairs.map(({ name, checkpoint }) => [name, checkpoint.path]));

describe('which checkpoint belongs to a YAML', () => {
  test.each([
    ['a leading config_ does not count', 'config_starter.yaml', 'starter.ckpt', 'starter'],
    [
      'dots within the name count',
      'model_ep_3_sdr_12.97.yaml',
      'model_ep_3_sdr_12.97.ckpt',
      'model_ep_3_sdr_12.97',
    ],
    ['subfolders do not count', 'viperx/x.yml', 'deep/er/x.safetensors', 'x'],
    ['case does not count', 'Config_Vocals.yaml', 'vocals.th', 'Vocals'],
    ['a YAML may be named after the file', 'a/x.ckpt.yaml', 'b/x.ckpt', 'x'],
    ['a number of four parts is no ending', 'x_sdr_9.77.chpt.yml', 'x_sdr_9.77.chpt', 'x_sdr_9.77'],
    ['the file may have been converted since', 'x.th.yaml', 'x.safetensors', 'x'],
    ['a config behind it does not count', 'X-v1-Config.yaml', 'X-v1.ckpt', 'X-v1'],
    ['nor one after an underscore', 'x_config.yaml', 'x.ckpt', 'x'],
    ['a score does not count', 'config_vocals_x.yaml', 'model_vocals_x_sdr_10.17.ckpt', 'vocals_x'],
    ['nor does an epoch', 'dry_x.yaml', 'dry_x_ep_27_sdr_10.4567.ckpt', 'dry_x'],
    ['nor the word model', 'config_drums.yaml', 'model_drums.th', 'drums'],
  ])('%s', (_, yaml, checkpoint, name) => {
    expect(named(pair([yaml], [checkpoint]))).toEqual({ [name]: `/place0/pretrain/${checkpoint}` });
  });

  test('a YAML of another root has no part in a checkpoint that has one in its own', () => {
    const pairing = pair(['x.yaml', '1:of/x.ckpt.yaml', 'y.yaml'], ['1:of/x.ckpt', '1:of/y.ckpt']);
    expect(pairing.pairs.map(({ name, yaml }) => [name, yaml.path])).toEqual([
      ['y', '/place0/configs/y.yaml'],
      ['x', '/place1/configs/of/x.ckpt.yaml'],
    ]);
    expect(pairing.unpairedYamls.map((yaml) => yaml.path)).toEqual(['/place0/configs/x.yaml']);
  });

  test('another base name is no partner, and both files are reported', () => {
    const pairing = pair(['vocals.yaml'], ['vocals_v2.ckpt']);
    expect(pairing.pairs).toEqual([]);
    expect(pairing.unpairedYamls).toHaveLength(1);
    expect(pairing.unpairedCheckpoints).toHaveLength(1);
  });

  test.each(['ckpt', 'pth', 'pt', 'th', 'bin', 'chpt', 'safetensors', 'CKPT'])(
    'of several with one base name, the one that the YAML is named after is meant: %s',
    (ending) => {
      const other = ending === 'pth' ? 'ckpt' : 'pth';
      const pairing = pair([`deep/x.${ending}.yaml`], [`deep/x.${other}`, `x.${ending}`]);
      expect(named(pairing)).toEqual({ x: `/place0/pretrain/x.${ending}` });
      expect(pairing.notes).toEqual([]);
    },
  );

  test('two files of that very name are a choice, and it is noted', () => {
    const pairing = pair(['a/x.ckpt.yaml'], ['a/x.ckpt', 'b/x.ckpt']);
    expect(named(pairing)).toEqual({ x: '/place0/pretrain/a/x.ckpt' });
    expect(pairing.notes).toEqual([
      '/place0/configs/a/x.ckpt.yaml fits 2 checkpoints; taken: /place0/pretrain/a/x.ckpt; left out: /place0/pretrain/b/x.ckpt',
    ]);
  });

  test.each([
    ['two checkpoints that differ by what does not count', ['x.yaml'], ['x_sdr_9.1.ckpt', 'x_sdr_9.2.ckpt']],
    ['two YAMLs that do', ['x_config.yaml', 'model_x.yaml'], ['x.ckpt']],
    ['a config between other words', ['config_x_config_v1.yaml'], ['x_v1.ckpt']],
    ['names that tell the architecture alone', ['config_mdx23c.yaml'], ['model_mdx23c_ep_3_sdr_9.1.ckpt']],
    ['a score that is no number', ['x.yaml'], ['x_sdr_best.ckpt']],
  ])('%s are not paired', (_, yamls, checkpoints) => {
    const pairing = pair(yamls, checkpoints);
    expect(pairing.pairs).toEqual([]);
    expect(pairing.unpairedYamls).toHaveLength(yamls.length);
    expect(pairing.unpairedCheckpoints).toHaveLength(checkpoints.length);
  });

  test('the same base name goes before a name that is the same but for what does not count', () => {
    const pairing = pair(['x.yaml', 'x_config.yaml'], ['x.ckpt', 'x_sdr_9.1.ckpt']);
    expect(named(pairing)).toEqual({
      x: '/place0/pretrain/x.ckpt',
      'x-2': '/place0/pretrain/x_sdr_9.1.ckpt',
    });
  });

  test('ten thousand YAMLs and as many checkpoints are paired in no time', () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `model-${String(index)}`);
    const begun = performance.now();
    const pairing = pair(
      names.map((name) => `${name}.yaml`),
      names.map((name) => `${name}_sdr_1.ckpt`),
    );
    expect(pairing.pairs).toHaveLength(10_000);
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  test('of several, the same root goes before the same folder, and the choice is noted', () => {
    const pairing = pair(['1:a/x.yaml'], ['a/x.ckpt', '1:b/x.ckpt', '1:a/x.pth']);
    expect(named(pairing)).toEqual({ x: '/place1/pretrain/a/x.pth' });
    expect(pairing.notes).toEqual([
      expect.stringMatching(
        /fits 3 checkpoints; taken: .place1.pretrain.a.x\.pth; left out: .place1.pretrain.b.x\.ckpt, .place0.pretrain.a.x\.ckpt$/,
      ),
    ]);
  });

  test('what a YAML of another folder has is served too, and no choice is noted', () => {
    const pairing = pair(['a/x.yaml', 'b/x.yaml'], ['a/x.ckpt', 'b/x.ckpt']);
    expect(named(pairing)).toEqual({
      x: '/place0/pretrain/a/x.ckpt',
      'b-x': '/place0/pretrain/b/x.ckpt',
    });
    expect(pairing.notes).toEqual(['/place0/configs/b/x.yaml is called "b-x": "x" is another model\'s name']);
  });

  test('of very many that are left out, some are named', () => {
    const checkpoints = Array.from({ length: 50 }, (_, index) => `${String(index)}/x.ckpt`);
    const [note] = pair(['x.yaml'], checkpoints).notes;
    expect(note).toMatch(/fits 50 checkpoints; .* and 39 more$/);
    expect(note?.match(/x\.ckpt/g)).toHaveLength(11);
  });

  test('the only checkpoint of its own folder belongs to the only YAML there', () => {
    const yaml = found('kj/config_vocals.yaml', 'configs');
    const checkpoint = found('kj/MelBandRoformer.ckpt', 'configs');
    expect(named(pairModels([yaml], [checkpoint]))).toEqual({
      vocals: '/place0/configs/kj/MelBandRoformer.ckpt',
    });
  });

  test('two YAMLs or two checkpoints in one folder are no pair by place', () => {
    const yamls = [found('kj/a.yaml', 'configs'), found('kj/b.yaml', 'configs')];
    const checkpoints = [found('kj/x.ckpt', 'configs'), found('kj/y.ckpt', 'configs')];
    expect(pairModels(yamls, checkpoints.slice(0, 1)).pairs).toEqual([]);
    expect(pairModels(yamls.slice(0, 1), checkpoints).pairs).toEqual([]);
  });

  test('a checkpoint that belongs to a YAML by name is not given to another by place', () => {
    const yamls = [found('kj/a.yaml', 'configs'), found('kj/b.yaml', 'configs')];
    expect(named(pairModels(yamls, [found('kj/a.ckpt', 'configs')]))).toEqual({
      a: '/place0/configs/kj/a.ckpt',
    });
  });
});

describe('names', () => {
  test('a clash goes to the YAML nearer the top, the other gets its folder in front', () => {
    const pairing = pair(['sage/config_x.yaml', 'config_x.yaml'], ['x.ckpt']);
    expect(pairing.pairs.map(({ name, yaml }) => [name, yaml.folder])).toEqual([
      ['x', ''],
      ['sage-x', 'sage'],
    ]);
    expect(pairing.notes).toEqual([expect.stringContaining('is called "sage-x"')]);
  });

  test('names that differ by case alone clash', () => {
    expect(Object.keys(named(pair(['X.yaml', 'x.yaml'], ['X.ckpt', 'x.ckpt'])))).toEqual(['X', 'x-2']);
  });

  test.each([
    ['aufr33 & jarredou (drums)', 'aufr33-jarredou-drums'],
    ['../../etc', 'etc'],
    ['..', 'model'],
    ['分离', 'model'],
    ['a'.repeat(300), 'a'.repeat(100)],
  ])('%.30s becomes %.30s', (name, cleaned) => {
    expect(cleanName(name)).toBe(cleaned);
  });
});
