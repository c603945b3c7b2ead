/**
 * @typedef {object} Group modules that the same tests reach
 * @property {string[]} modules below `python_worker/`
 * @property {string[]} tests below `test/python/`, quick ones alone
 */

/**
 * @param {string} folder
 * @param {string[]} names
 */
const media = (folder, ...names) => names.map((name) => `media/${folder}/${name}.py`);
/**
 * @param {string} folder
 * @param {string[]} names
 */
const engine = (folder, ...names) => names.map((name) => `engine/${folder}/${name}.py`);
/**
 * @param {string} folder
 * @param {string[]} names of modules
 */
const tests = (folder, ...names) => names.map((name) => `${folder}/test_${name}.py`);

/**
 * What needs neither torch nor a GPU.
 *
 * @type {Record<string, Group>}
 */
export const groups = {
  bytes: {
    modules: [
      ...media('formats', 'container', 'windows', 'mp3_frames', 'ogg_packets', 'ogg_pages'),
      ...media('formats', 'wav_header', 'wav_rest'),
      ...media('length', 'audio_length', 'mp3_length', 'wav_length'),
      ...media('staging', 'holes'),
    ],
    tests: [
      ...tests('media/formats', 'container', 'mp3_frames', 'ogg_packets', 'ogg_pages'),
      ...tests('media/formats', 'wav_header', 'wav_rest', 'windows'),
      ...tests('media/length', 'mp3_length', 'wav_length'),
      'media/staging/test_holes.py',
    ],
  },
  probe: {
    modules: [
      ...media('length', 'flac_length', 'mp4_length', 'ogg_length'),
      ...media('formats', 'ogg_streams'),
      'media/unfamiliar.py',
    ],
    tests: ['media/test_probing.py::test_an_odd_input_has_the_outcome_of_its_row'],
  },
  stage: { modules: media('decoding', 'mp3_gaps', 'ogg_runs'), tests: ['media/staging/test_staging.py'] },
  engine: {
    modules: [
      ...engine('pieces', 'cut'),
      ...engine('memory', 'memory_ladder'),
      ...engine('msst', 'names'),
      ...engine('stems', 'planned_stems', 'stem_plan'),
      'engine/stages.py',
      ...['full_disk.py', 'gpus.py', 'protocol.py', 'process/strict_json.py'],
    ],
    tests: [
      ...['test_protocol.py', 'test_gpus.py', 'test_attempt.py'],
      'test_full_disk.py::test_a_full_disk_is_told_as_the_servers_fault',
      'engine/test_stages.py',
      'engine/pieces/test_cut.py',
      'engine/memory/test_memory_ladder.py',
      ...tests('engine/msst', 'failures', 'names'),
      ...tests('engine/stems', 'planned_stems', 'stem_plan', 'stem_writer'),
    ],
  },
  segments: {
    modules: engine('pieces', 'piece_plan'),
    tests: ['engine/pieces/test_cut.py', 'engine/pieces/test_piece_plan.py'],
  },
};
