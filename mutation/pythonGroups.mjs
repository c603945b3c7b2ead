/**
 * @typedef {object} Group modules that the same tests reach
 * @property {string[]} modules below `python_worker/`
 * @property {string[]} tests below `test/python/`, quick ones alone
 */

/**
 * What needs neither torch nor a GPU.
 *
 * @type {Record<string, Group>}
 */
export const groups = {
  probe: {
    modules: [
      ...['container', 'extent', 'flac_extent', 'mp3_extent', 'mp3_frames', 'mp4_extent', 'ogg_extent'],
      ...['ogg_packets', 'ogg_pages', 'ogg_streams', 'unfamiliar', 'wav_extent', 'wav_header'],
    ].map((name) => `media/${name}.py`),
    tests: ['test_media_parts.py', 'test_media_probe.py::test_an_odd_input_has_the_outcome_of_its_row'],
  },
  stage: {
    modules: ['holes', 'mp3_gaps', 'ogg_runs'].map((name) => `media/${name}.py`),
    tests: ['test_media_parts.py', 'test_media_stage.py'],
  },
  engine: {
    modules: [
      'protocol.py',
      ...['cut', 'memory_ladder', 'names', 'planned_stems', 'segment_plan', 'stages', 'stem_plan'].map(
        (name) => `engine/${name}.py`,
      ),
      ...['full_disk.py', 'gpus.py'],
    ],
    tests: [
      ...['test_protocol.py', 'test_engine_parts.py', 'test_engine_decisions.py', 'test_segment_plan.py'],
      ...['test_stem_writer.py', 'test_gpus.py'],
    ],
  },
};
