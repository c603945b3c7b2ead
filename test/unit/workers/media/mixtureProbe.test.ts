import { expect, test } from 'vitest';
import { AppError } from '../../../../src/errors.ts';
import { ChildFailure, MediaBusy } from '../../../../src/workers/process/childErrors.ts';
import { probeMixture } from '../../../../src/workers/media/mixtureProbe.ts';
import type { Probed } from '../../../../src/workers/media/mediaPool.ts';
import type { FailureKind } from '../../../../src/contract/protocol.ts';

const found: Probed = {
  container: 'mp4',
  codec: 'alac',
  sample_rate: 48_000,
  channels: 2,
  duration_seconds: 3.5,
  staging_reason: 'MSST cannot decode MP4 audio',
  waitedMs: 7,
};
const refusing = (error: Error) => ({
  probe: async () => {
    throw error;
  },
});

test('what the child found is told in the words of the domain', async () => {
  expect(await probeMixture({ probe: async () => found }, '/x', 'owner')).toEqual({
    container: 'mp4',
    codec: 'alac',
    sampleRate: 48_000,
    channels: 2,
    durationSeconds: 3.5,
    stagingReason: 'MSST cannot decode MP4 audio',
    waitedMs: 7,
  });
});

test.each(['UNSUPPORTED_FORMAT', 'INVALID_AUDIO'] as const)(
  'a file refused as %s is the fault of the client',
  async (kind) => {
    const probing = probeMixture(refusing(new ChildFailure(kind, 'In words.', 'Traceback')), '/x', 'owner');
    await expect(probing).rejects.toBeInstanceOf(AppError);
    await expect(probing).rejects.toMatchObject({ code: kind, message: 'In words.' });
  },
);

test.each(['INTERNAL', 'OUT_OF_MEMORY', 'CANCELLED'] as const satisfies FailureKind[])(
  'a failure as %s is not',
  async (kind) => {
    const failure = new ChildFailure(kind, 'x', null);
    await expect(probeMixture(refusing(failure), '/x', 'owner')).rejects.toBe(failure);
  },
);

test('a file that nobody came to look into may be sent again', async () => {
  await expect(
    probeMixture(refusing(new MediaBusy(new Error('waited'))), '/x', 'owner'),
  ).rejects.toMatchObject({
    name: 'AppError',
    code: 'SERVER_BUSY',
    hints: { retryAfterSeconds: 10 },
  });
});
