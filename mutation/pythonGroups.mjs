/**
 * @typedef {object} Group modules that the same tests reach
 * @property {string[]} modules below `python_worker/`
 * @property {string[]} tests below `test/python/`, quick ones alone
 */

/** @param {string[]} names */
const media = (...names) => names.map((name) => `media/${name}.py`);
/** @param {string[]} names */
const engine = (...names) => names.map((name) => `engine/${name}.py`);

/**
 * What needs neither torch nor a GPU.
 *
 * @type {Record<string, Group>}
 */
export const groups = {
  bytes: {
    modules: [
      ...media('container', 'extent', 'mp3_extent', 'mp3_frames', 'ogg_packets', 'ogg_pages'),
      ...media('holes', 'wav_extent', 'wav_header', 'wav_rest'),
    ],
    tests: [
      ...['test_media_parts.py', 'test_media_wav.py'],
      'test_media_stage.py::test_holes_beyond_what_was_counted_are_left_out_and_told',
    ],
  },
  probe: {
    modules: media('flac_extent', 'mp4_extent', 'ogg_extent', 'ogg_streams', 'unfamiliar'),
    tests: ['test_media_probe.py::test_an_odd_input_has_the_outcome_of_its_row'],
  },
  stage: { modules: media('mp3_gaps', 'ogg_runs'), tests: ['test_media_stage.py'] },
  engine: {
    modules: [
      ...engine('cut', 'memory_ladder', 'names', 'planned_stems', 'stages', 'stem_plan'),
      ...['full_disk.py', 'gpus.py', 'protocol.py', 'strict_json.py'],
    ],
    tests: [
      ...['test_protocol.py', 'test_engine_parts.py', 'test_engine_decisions.py', 'test_stem_writer.py'],
      'test_gpus.py',
    ],
  },
  segments: {
    modules: engine('segment_plan'),
    tests: ['test_engine_decisions.py', 'test_segment_plan.py'],
  },
};
