import type { ModelEntry } from '../../src/models/inspection/modelEntry.ts';

/** A model like the starter; its files are named and not there. */
export function starterModel(given: Partial<ModelEntry> = {}): ModelEntry {
  return {
    name: 'starter',
    architecture: 'mdx23c',
    configPath: '/srv/configs/config_starter.yaml',
    checkpointPath: '/srv/pretrain/starter.ckpt',
    displayConfigPath: 'configs/config_starter.yaml',
    displayCheckpointPath: 'pretrain/starter.ckpt',
    instruments: ['drums', 'bass', 'other'],
    outputs: ['drums', 'bass', 'other'],
    targetInstrument: null,
    sampleRate: 44_100,
    stereo: true,
    chunking: { chunkSamples: 261_120, numOverlap: 2, batchSize: 1 },
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
    checkpointBytes: 10e6,
    version: '1',
    ...given,
  };
}
