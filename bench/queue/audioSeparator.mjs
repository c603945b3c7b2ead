import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { findAllOnPath } from '../../setup/findOnPath.mjs';
import { now } from '../supervision/clock.mjs';
import { measured } from './measured.mjs';
import { peerPython } from './peers.mjs';
import { startProgram } from './program.mjs';

/** It asks for a program `ffmpeg` before anything else; imageio-ffmpeg brings one along. */
const REQUIREMENTS = ['audio-separator[cpu]==0.47.1', 'imageio-ffmpeg>=0.5'];
/** What it knows of models it would download, were this list not there already. */
const LISTS = [
  'vr_download_list',
  'mdx_download_list',
  'mdx_download_vip_list',
  'demucs_download_list',
  'mdx23c_download_list',
  'mdx23c_download_vip_list',
  'roformer_download_list',
];

/**
 * The warm Python API of `audio-separator`.
 *
 * @type {import('./contest.mjs').Contender}
 */
export async function audioSeparator({ bench, model, songs, folder, env }) {
  const python = await peerPython(bench, 'audio-separator', REQUIREMENTS);
  const models = await modelFolder(model, folder);
  const tools = await toolFolder(bench, python, folder);
  const out = path.join(folder, 'stems');
  await mkdir(out);
  const script = path.join(import.meta.dirname, 'audio_separator_api.py');
  const program = startProgram(python, [script, models, `${model.name}.ckpt`, out, ...songs], {
    env: { ...env, PATH: `${env.PATH}${path.delimiter}${tools}` },
    cwd: folder,
  });
  await program.line('ready');
  const beganAt = now();
  const { result, cost } = await measured(async () => {
    program.tell('go');
    const ends = [];
    for (let song = 0; song < songs.length; song += 1) {
      const line = await program.line('song ');
      ends.push({ stems: Number(line.slice('song '.length)), seconds: (now() - beganAt) / 1000 });
    }
    return ends;
  });
  await program.ended;
  return {
    cost,
    stems: result.reduce((sum, { stems }) => sum + stems, 0),
    firstSeconds: result[0]?.seconds ?? NaN,
  };
}

/**
 * A folder in which it finds the model by name, without asking the internet.
 *
 * @param {import('../models.mjs').BenchModel} model
 * @param {string} folder
 */
async function modelFolder(model, folder) {
  const models = path.join(folder, 'models');
  const names = { checkpoint: `${model.name}.ckpt`, config: `${model.name}.yaml` };
  await mkdir(models);
  await symlink(model.checkpoint, path.join(models, names.checkpoint));
  await copyFile(model.config, path.join(models, names.config));
  const lists = Object.fromEntries(LISTS.map((list) => [list, {}]));
  lists.mdx23c_download_list = { [`MDX23C: ${model.name}`]: { [names.checkpoint]: names.config } };
  await writeFile(path.join(models, 'download_checks.json'), JSON.stringify(lists));
  return models;
}

/**
 * A folder with a program `ffmpeg`, where there is none on PATH.
 *
 * @param {import('../prepare.mjs').Bench} bench
 * @param {string} python
 * @param {string} folder
 */
async function toolFolder({ setting, runPython }, python, folder) {
  const tools = path.join(folder, 'tools');
  await mkdir(tools);
  if (findAllOnPath('ffmpeg', setting.env).length > 0) return tools;
  const found = await runPython(python, '-c', 'import imageio_ffmpeg as i; print(i.get_ffmpeg_exe())');
  await symlink(found.trim(), path.join(tools, 'ffmpeg'));
  return tools;
}
