import { rm } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { makeCheckpoint, makeSafetensors, putFile } from '../unit/models/modelFolder.ts';

/** What a folder in MSST's layout holds under one name. */
export type ModelKind =
  | 'whole'
  /** Its YAML holds Python tags, as MSST's own do. */
  | 'tagged'
  | 'without checkpoint'
  | 'empty checkpoint'
  | 'web page as checkpoint'
  | 'cut checkpoint'
  | 'broken YAML'
  | 'YAML without instruments'
  | 'checkpoint alone';

/** One generated model: what it is called, what is wrong with it, and what its YAML says. */
export interface GeneratedModel {
  name: string;
  kind: ModelKind;
  /** Below `configs/`; empty: directly in it. */
  folder: string;
  hasPrefix: boolean;
  architecture: string;
  instruments: string[];
  target: string | null;
  sampleRate: number;
  channels: 1 | 2;
}

const usableKinds: readonly ModelKind[] = ['whole', 'tagged'];
const allKinds: readonly ModelKind[] = [
  ...usableKinds,
  'without checkpoint',
  'empty checkpoint',
  'web page as checkpoint',
  'cut checkpoint',
  'broken YAML',
  'YAML without instruments',
  'checkpoint alone',
];

/** Whether the server can use it as it lies there. */
export const isUsable = ({ kind }: GeneratedModel) => usableKinds.includes(kind);

/** Whether it is known and cannot be used: both its files are there, and its checkpoint is none. */
export const isUnavailable = ({ kind }: GeneratedModel) =>
  ['empty checkpoint', 'web page as checkpoint', 'cut checkpoint'].includes(kind);

const instrument = fc.constantFrom('vocals', 'drums', 'bass', 'other', 'Piano', 'lead guitar', 'instrum');

const model = (kinds: readonly ModelKind[]): fc.Arbitrary<GeneratedModel> =>
  fc
    .record({
      // Not what the project's own model is called, and no name that has a prefix of its own.
      name: fc
        .stringMatching(/^[a-z][a-z0-9._-]{2,12}[a-z0-9]$/)
        .filter((name) => !/^config_|^starter$/.test(name)),
      kind: fc.constantFrom(...kinds),
      folder: fc.constantFrom('', 'sub', 'sub/deeper'),
      hasPrefix: fc.boolean(),
      architecture: fc.constantFrom('mdx23c', 'bs_roformer', 'htdemucs', 'scnet', 'a_new_one'),
      instruments: fc.uniqueArray(instrument, { minLength: 1, maxLength: 4 }),
      sampleRate: fc.constantFrom(16_000, 44_100, 48_000),
      channels: fc.constantFrom(1 as const, 2 as const),
      hasTarget: fc.boolean(),
    })
    .map(({ hasTarget, ...each }) => ({ ...each, target: hasTarget ? (each.instruments[0] ?? null) : null }));

/** Models of every kind, or of these. */
export const generatedModels = (kinds: readonly ModelKind[] = allKinds, minLength = 5) =>
  fc.uniqueArray(model(kinds), { minLength, maxLength: minLength + 5, selector: ({ name }) => name });

/** Where its YAML lies, from the folder. */
export const configPathOf = ({ folder, hasPrefix, name }: GeneratedModel) =>
  path.join('configs', folder, `${hasPrefix ? 'config_' : ''}${name}.yaml`);
export const checkpointPathOf = ({ name }: GeneratedModel) => `pretrain/${name}.ckpt`;

/** Lays them out in a folder that held others before. */
export async function layOut(root: string, models: readonly GeneratedModel[]): Promise<void> {
  for (const top of ['configs', 'pretrain']) await rm(path.join(root, top), { recursive: true, force: true });
  for (const each of models) {
    const yaml = yamlOf(each);
    if (yaml !== null) await putFile(path.join(root, configPathOf(each)), yaml);
    const checkpoint = checkpointOf(each);
    if (checkpoint !== null) await putFile(path.join(root, checkpointPathOf(each)), checkpoint);
  }
}

function yamlOf({ kind, ...each }: GeneratedModel): string | null {
  if (kind === 'checkpoint alone') return null;
  if (kind === 'broken YAML') return `training:\n  model_type: ${each.architecture}\n instruments: [\n\t- }`;
  const tag = kind === 'tagged' ? '!!python/tuple ' : '';
  const instruments = kind === 'YAML without instruments' ? [] : each.instruments;
  return [
    `audio:\n  sample_rate: ${String(each.sampleRate)}\n  num_channels: ${String(each.channels)}`,
    `model:\n  scale: ${tag}[2, 2]`,
    `training:\n  model_type: ${each.architecture}`,
    `  instruments: ${tag}[${instruments.join(', ')}]`,
    `  target_instrument: ${each.target ?? 'null'}\n`,
  ].join('\n');
}

function checkpointOf({ kind, name }: GeneratedModel): Buffer | null {
  const whole = name.length % 2 === 0 ? makeCheckpoint() : makeSafetensors(64);
  if (kind === 'without checkpoint') return null;
  if (kind === 'empty checkpoint') return Buffer.alloc(0);
  if (kind === 'web page as checkpoint') return Buffer.from('<!doctype html><title>Sign in</title>');
  return kind === 'cut checkpoint' ? whole.subarray(0, whole.length - 10) : whole;
}
