import { expect, test } from 'vitest';
import { describeModel, lookAtModel } from '../../../../src/scheduler/attempt/runnableModel.ts';
import { starterModel } from '../../../support/starterModel.ts';

const model = starterModel({
  trustPickle: true,
  loraCheckpointPeft: '/srv/lora/peft',
  loraCheckpointLoralib: '/srv/lora/loralib',
  precision: 'bf16',
  compile: true,
  msstArguments: ['--mine=1'],
});
const told = {
  sampleRate: 44_100,
  outputs: ['drums', 'bass', 'other'],
  chunking: { chunkSamples: 261_120, numOverlap: 2, batchSize: 1 },
  checkpointBytes: 10e6,
  version: '1',
  params: {
    name: 'starter',
    architecture: 'mdx23c',
    config_path: '/srv/configs/config_starter.yaml',
    checkpoint_path: '/srv/pretrain/starter.ckpt',
    trust_pickle: true,
    lora_checkpoint_peft: '/srv/lora/peft',
    lora_checkpoint_loralib: '/srv/lora/loralib',
    precision: 'bf16',
    compile: true,
    msst_arguments: ['--mine=1'],
  },
};

test('a worker is told all of a model that it needs, by its paths on this machine', async () => {
  expect(describeModel({ named: () => model }, 'starter')).toEqual(told);
  expect(await lookAtModel({ look: async () => model }, 'starter')).toEqual(told);
});

test('a model that cannot be used is none, and a look at it says why', async () => {
  expect(describeModel({ named: () => null }, 'gone')).toBeUndefined();
  expect(await lookAtModel({ look: async (name) => `The model "${name}" is gone.` }, 'gone')).toBe(
    'The model "gone" is gone.',
  );
});
