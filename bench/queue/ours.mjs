import { toSetting } from '../models.mjs';
import { postSong } from '../post.mjs';
import { startServer } from '../server.mjs';
import { now } from '../supervision/clock.mjs';
import { untilCompleted } from '../supervision/tasks.mjs';
import { measured } from './measured.mjs';
import { cpuSecondsOf } from './processTree.mjs';

/**
 * This server over HTTP, warm: the songs are posted one after the other without waiting for any to be done, and the stems
 * of each are fetched when it is.
 *
 * @type {import('./contest.mjs').Contender}
 */
export async function ours({ bench, model, device, songs, env }) {
  const server = await startServer(bench, {
    settings: { models: [toSetting(model)], ...(device === 'cpu' ? {} : { devices: 'auto' }) },
    env: serverEnv(env),
  });
  try {
    await fetchStems(server, await post(server, model, songs[0] ?? ''));
    const nodeCpuBefore = cpuSecondsOf(server.pid);
    const { result, cost } = await measured(async () => {
      const beganAt = now();
      const results = [];
      for (const song of songs) {
        const task = await post(server, model, song);
        results.push(
          fetchStems(server, task).then((stems) => ({ stems, seconds: (now() - beganAt) / 1000 })),
        );
      }
      return Promise.all(results);
    });
    return {
      cost,
      stems: result.reduce((sum, { stems }) => sum + stems, 0),
      firstSeconds: Math.min(...result.map(({ seconds }) => seconds)),
      nodeCpu: cpuSecondsOf(server.pid) - nodeCpuBefore,
    };
  } finally {
    await server.end();
  }
}

/** What every contender is told, and nothing of the person's own settings. @param {NodeJS.ProcessEnv} env */
function serverEnv({ OMP_NUM_THREADS, MKL_NUM_THREADS, PYTHONPATH, FORWARD_NOTES }) {
  return { OMP_NUM_THREADS, MKL_NUM_THREADS, PYTHONPATH, FORWARD_NOTES };
}

/**
 * @param {import('../server.mjs').Server} server
 * @param {import('../models.mjs').BenchModel} model
 * @param {string} song
 */
async function post(server, model, song) {
  const fields = { model_type: model.name, output_format: 'wav', pcm_type: 'FLOAT' };
  return (await postSong(server.url, song, { fields })).task;
}

/**
 * Waits for a task and downloads all its stems.
 *
 * @param {import('../server.mjs').Server} server
 * @param {any} task
 * @returns {Promise<number>} how many
 */
async function fetchStems(server, task) {
  await untilCompleted(server, task);
  const results = /** @type {any} */ (await (await fetch(server.url + task.links.results)).json());
  for (const { url, bytes } of results.stems) {
    const { byteLength } = await (await fetch(new URL(url, server.url))).arrayBuffer();
    if (byteLength !== bytes) throw new Error(`a stem of ${bytes} bytes arrived with ${byteLength}`);
  }
  return results.stems.length;
}
