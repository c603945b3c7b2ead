import { spawn } from 'node:child_process';
import { note, untilThere } from './plan.mjs';

const FLOOD_LINES = 16_000;

/** What no worker should do, word by word; after it, those that come back go on as if nothing were. */
const MISCHIEF = {
  freeze: () => process.kill(process.pid, 'SIGSTOP'),
  'ignore-cancel': () => new Promise(() => undefined),
  stall: (call) =>
    tellTwoOfThree(call).then(() => {
      call.stopWorking();
      return new Promise(() => undefined);
    }),
  toil: (call, file) => tellTwoOfThree(call).then(() => untilThere(file)),
  stale: (call, file) =>
    speakOfOthers(call)
      .then(() => tellTwoOfThree(call))
      .then(() => untilThere(file)),
  garbage: () => process.stdout.write('!'),
  flood: () => {
    const line = `${'x'.repeat(999)}\n`;
    for (let n = 0; n < FLOOD_LINES; n += 1) process.stderr.write(line);
  },
  grandchild: ({ task_id, attempt }) => {
    const idle = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    note('grandchild', { grandchild: idle.pid, task_id, attempt });
  },
};

/**
 * Does what the plan's word asks for, if it is one of these.
 *
 * @param call the task and attempt, and the means: `notify` and `write` on the channel, `stopWorking` for its CPU time
 */
export async function misbehave(step, call) {
  const [word, ...rest] = step.split(':');
  await MISCHIEF[word]?.(call, rest.join(':'));
}

function tellTwoOfThree({ notify, task_id, attempt }) {
  return notify('progress', { task_id, attempt, stage: 'separating', done: 2, total: 3 });
}

async function speakOfOthers({ notify, write, task_id, attempt }) {
  const late = { stage: 'encoding', done: 0, total: 0 };
  await notify('progress', { task_id, attempt: attempt + 1, ...late });
  await notify('progress', { task_id: 'another', attempt, ...late });
  for (const id of [0, 999_999, 'another']) {
    await write({ jsonrpc: '2.0', id, result: { task_id, attempt: attempt - 1 } });
  }
}
