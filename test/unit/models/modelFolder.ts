import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { CatalogLog, ModelEntry } from '../../../src/models/inspection/modelEntry.ts';
import { starterModel } from '../../support/starterModel.ts';

/** A temporary folder with these files in it (paths with `/`); gone when the test ends. */
export async function makeFolder(files: Record<string, string | Buffer>): Promise<string> {
  const root = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-models-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) await putFile(path.join(root, name), content);
  return root;
}

/** Writes a file, with its folders. */
export async function putFile(file: string, content: string | Buffer): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, content);
}

/** An MSST YAML with what the catalog reads. */
export function makeYaml(
  facts: { modelType?: string; instruments?: string[]; target?: string } = {},
): string {
  const { modelType, instruments = ['vocals', 'other'], target = 'null' } = facts;
  return [
    'audio:\n  num_channels: 2\n  sample_rate: 44100',
    'training:',
    ...(modelType === undefined ? [] : [`  model_type: ${modelType}`]),
    `  instruments: [${instruments.join(', ')}]`,
    `  target_instrument: ${target}\n`,
  ].join('\n');
}

/** The bytes of a stored (uncompressed) zip; enough for a reader of its directory. */
export function makeZip(names: readonly string[], content: string | Buffer = 'weights'): Buffer {
  const data = Buffer.from(content);
  const locals: Buffer[] = [];
  const entries: Buffer[] = [];
  let offset = 0;
  for (const name of names) {
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt32LE(data.length, 18);
    local.writeUInt32LE(data.length, 22);
    local.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt32LE(data.length, 20);
    entry.writeUInt32LE(data.length, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    locals.push(local, Buffer.from(name), data);
    entries.push(entry, Buffer.from(name));
    offset += local.length + name.length + data.length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(names.length, 8);
  end.writeUInt16LE(names.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

/** A file that passes for a checkpoint as torch.save writes it. */
export const makeCheckpoint = (content = 'weights'): Buffer =>
  makeZip(['archive/data.pkl', 'archive/data/0'], content);

/** The bytes of a safetensors file of tensors of these shapes by these names. */
export function makeSafetensorsOf(tensors: Readonly<Record<string, readonly number[]>>): Buffer {
  const entries = Object.entries(tensors).map(([name, shape], index) => [
    name,
    { dtype: 'U8', shape, data_offsets: [index, index + 1] },
  ]);
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(entries.length)]);
}

/** The bytes of a safetensors file of one tensor; `dataBytes` may differ from what its header promises. */
export function makeSafetensors(promisedBytes: number, dataBytes = promisedBytes): Buffer {
  const tensor = { dtype: 'U8', shape: [promisedBytes], data_offsets: [0, promisedBytes] };
  const header = Buffer.from(JSON.stringify({ __metadata__: { format: 'pt' }, weight: tensor }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(dataBytes)]);
}

/** A log that keeps what it was told. */
export function makeLog(): CatalogLog & Record<'infos' | 'warnings', { fields: object; message: string }[]> {
  const infos: { fields: object; message: string }[] = [];
  const warnings: { fields: object; message: string }[] = [];
  return {
    infos,
    warnings,
    info: (fields, message) => {
      infos.push({ fields, message });
    },
    warn: (fields, message) => {
      warnings.push({ fields, message });
    },
  };
}

/** A usable model that needs no files. */
export function makeEntry(changes: Partial<ModelEntry> = {}): ModelEntry {
  const instruments = changes.instruments ?? ['Vocals', 'bass', 'Drums', 'other'];
  return starterModel({
    name: 'four',
    configPath: '/models/four.yaml',
    checkpointPath: '/models/four.ckpt',
    displayConfigPath: 'configs/four.yaml',
    displayCheckpointPath: 'pretrain/four.ckpt',
    instruments,
    outputs: instruments,
    checkpointBytes: 1,
    ...changes,
  });
}
