import path from 'node:path';

import { projectRoot } from './prepare.mjs';

/**
 * A model to measure with.
 *
 * @typedef {object} BenchModel
 * @property {string} name
 * @property {string} architecture
 * @property {string} config its YAML
 * @property {string} checkpoint
 */

/** The model that is shipped: light. @returns {BenchModel} */
export function starterModel() {
  return {
    name: 'starter',
    architecture: 'mdx23c',
    config: path.join(projectRoot, 'configs', 'config_starter.yaml'),
    checkpoint: path.join(projectRoot, 'pretrain', 'starter.ckpt'),
  };
}

/**
 * A network of everyday weight, with random weights.
 *
 * @param {import('./prepare.mjs').Bench} bench
 * @param {'everyday' | 'stock'} [size] `everyday` of a CPU, `stock` of a GPU
 * @returns {Promise<BenchModel>}
 */
export async function everydayModel({ folder, engine, runPython }, size = 'everyday') {
  const config = path.join(import.meta.dirname, `${size}.yaml`);
  const checkpoint = path.join(folder, 'everyday.ckpt');
  await runPython(engine, path.join(import.meta.dirname, 'random_weights.py'), config, checkpoint);
  return { name: 'everyday', architecture: 'mdx23c', config, checkpoint };
}

/** A model as the server's configuration names it. @param {BenchModel} model */
export function toSetting({ name, architecture, config, checkpoint }) {
  return { name, architecture, config_path: config, checkpoint_path: checkpoint };
}
