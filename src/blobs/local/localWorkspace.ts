import { freeBytes } from '../../disk/freeBytes.ts';
import type { AttemptId } from '../../tasks/attemptId.ts';
import { layout } from '../layout.ts';
import type { Workspace } from '../workspace.ts';
import { openFolder, removeIfEmpty } from './folder.ts';

const SCRATCH = 'tmp';

/** The workspace beside local blobs in the same folder: blobs are used where they lie, so nothing is copied. */
export function createLocalWorkspace(root: string): Workspace {
  const folder = openFolder(root);
  const stemsOf = ({ taskId, attempt }: AttemptId) => layout.attempt(taskId, attempt);
  const scratchOf = ({ taskId, attempt }: AttemptId) => `${SCRATCH}/${taskId}.${String(attempt)}`;
  const stagedOf = (taskId: string) => `${SCRATCH}/${taskId}.staged`;
  return {
    localPath: (key) => Promise.resolve(key).then(folder.at),
    async openAttempt(attempt) {
      const [stems, scratch] = [stemsOf(attempt), scratchOf(attempt)];
      await Promise.all([
        folder.createEmpty(stems),
        folder.remove(scratch).then(() => folder.createEmpty(`${scratch}/work`)),
      ]);
      return {
        stems: folder.at(stems),
        scratch: folder.at(`${scratch}/work`),
      };
    },
    async publish(attempt, stems) {
      const published = stems.map((stem) => ({
        ...stem,
        storageKey: `${stemsOf(attempt)}/${stem.filename}`,
      }));
      for (const { storageKey, filename, bytes } of published) {
        if ((await folder.size(storageKey)) !== bytes)
          throw new Error(`the stem ${filename} is not as the worker reported it`);
      }
      return published;
    },
    async openStaged(taskId) {
      await folder.createEmpty(stagedOf(taskId));
      return folder.at(`${stagedOf(taskId)}/mixture.wav`);
    },
    removeStaged: (taskId) => folder.remove(stagedOf(taskId)),
    removeScratch: (attempt) => folder.remove(scratchOf(attempt)),
    async removeStems(attempt) {
      await folder.remove(stemsOf(attempt));
      await removeIfEmpty(folder.at(layout.task(attempt.taskId)));
    },
    scratch: {
      list: () => folder.list(SCRATCH),
      taskOf: (name) => name.slice(0, name.lastIndexOf('.')),
      modifiedAt: (name) => folder.modifiedAt(`${SCRATCH}/${name}`),
      remove: (name) => folder.remove(`${SCRATCH}/${name}`),
      clear: () => folder.createEmpty(SCRATCH),
    },
    freeBytes: () => freeBytes(root),
  };
}
