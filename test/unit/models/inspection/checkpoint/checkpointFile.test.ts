import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { checkCheckpoint } from '../../../../../src/models/inspection/checkpoint/checkpointFile.ts';
import { makeCheckpoint, makeFolder, makeSafetensors, makeZip } from '../../modelFolder.ts';

const STARTER = path.join(import.meta.dirname, '../../../../../pretrain/starter.ckpt');
const LEGACY_HEAD = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex');

async function check(content: string | Buffer) {
  const root = await makeFolder({ 'model.ckpt': content });
  return checkCheckpoint(path.join(root, 'model.ckpt'));
}

test('the starter checkpoint, as torch.save wrote it, is whole', async () => {
  expect(await checkCheckpoint(STARTER)).toEqual({
    ok: true,
    sizeBytes: (await stat(STARTER)).size,
  });
});

test.each([1, 4, 1000, 3_000_000, -1])(
  'the starter checkpoint cut at byte %i is found out',
  async (bytes) => {
    const whole = await readFile(STARTER);
    expect(await check(whole.subarray(0, bytes))).toMatchObject({ ok: false });
  },
);

test.each([
  ['a zip as torch.save writes it', makeCheckpoint()],
  ['a safetensors file', makeSafetensors(64)],
  ['a pickle of PyTorch before 1.6', Buffer.concat([LEGACY_HEAD, Buffer.alloc(100)])],
  [
    'a tar of PyTorch before 0.2',
    Buffer.concat([Buffer.alloc(257), Buffer.from('ustar'), Buffer.alloc(250)]),
  ],
])('%s is a checkpoint', async (_, content) => {
  expect(await check(content)).toEqual({ ok: true, sizeBytes: content.length });
});

test.each([
  ['an empty file', '', 'its checkpoint is empty'],
  [
    'a Git LFS pointer',
    'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n',
    'Git LFS pointer',
  ],
  ['a downloaded error page', '<!DOCTYPE html><html>Not found</html>', 'a web page'],
  ['a text', 'these are no weights', 'neither a PyTorch nor a safetensors file'],
  ['a zip of something else', makeZip(['word/document.xml']), 'has no data.pkl'],
  ['a safetensors file cut short', makeSafetensors(64, 63), 'truncated'],
  ['a safetensors header that is longer than the file', makeSafetensors(64).subarray(0, 40), 'truncated'],
  ['a safetensors header of 10^18 bytes', Buffer.from('000064a7b3b6e00d7b7d', 'hex'), 'is damaged'],
  ['a safetensors file without tensors', Buffer.from('02000000000000007b7d', 'hex'), 'is damaged'],
])('%s is not, and the reason says so', async (_, content, reason) => {
  expect(await check(content)).toEqual({ ok: false, problem: expect.stringContaining(reason) as string });
});

test('a zip whose directory is overwritten is damaged', async () => {
  const zip = makeCheckpoint();
  zip.fill(0, zip.length - 60, zip.length - 30);
  expect(await check(zip)).toEqual({ ok: false, problem: expect.stringContaining('damaged') as string });
});

test('a missing file and a folder each have their reason', async () => {
  const root = await makeFolder({});
  expect(await checkCheckpoint(path.join(root, 'none.ckpt'))).toEqual({
    ok: false,
    problem: 'its checkpoint is missing',
  });
  expect(await checkCheckpoint(root)).toEqual({ ok: false, problem: 'its checkpoint is not a file' });
});
