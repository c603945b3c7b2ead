import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

/** An `nvidia-smi` of the test's own, before all others on PATH, that names the GPUs it is told to. */
export interface PretendedGpus {
  /** From now on the machine has these GPUs, by UUID, in PCI order. */
  set(uuids: readonly string[]): Promise<void>;
  /** From now on whoever asks for them waits, until the returned function is called. */
  hold(): Promise<() => Promise<void>>;
  /** The real PATH again. */
  remove(): Promise<void>;
}

/** Puts it in place, for every server that this test file starts. */
export async function pretendGpus(): Promise<PretendedGpus> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-gpus-'));
  const list = path.join(folder, 'uuids');
  const held = path.join(folder, 'held');
  const command = path.join(folder, 'nvidia-smi');
  // The real one answers an option it does not know with exit code 1, too.
  await writeFile(
    command,
    `#!/bin/sh\n[ "$*" = "--query-gpu=uuid --format=csv,noheader" ] || exit 1\n` +
      `while [ -e '${held}' ]; do sleep 0.05; done\nexec cat '${list}'\n`,
  );
  await chmod(command, 0o755);
  const realPath = process.env['PATH'] ?? '';
  process.env['PATH'] = `${folder}:${realPath}`;
  const gpus: PretendedGpus = {
    set: (uuids) => writeFile(list, uuids.map((uuid) => `${uuid}\n`).join('')),
    async hold() {
      await writeFile(held, '');
      return () => rm(held, { force: true });
    },
    async remove() {
      process.env['PATH'] = realPath;
      await rm(folder, { recursive: true, force: true });
    },
  };
  await gpus.set([]);
  return gpus;
}
