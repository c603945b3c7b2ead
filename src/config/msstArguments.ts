import { z } from 'zod';

/** Options that the server sets itself: from the task, from the model's entry, or as the integration requires. */
const OURS = new Set([
  'bigshifts',
  'config_path',
  'device_ids',
  'disable_detailed_pbar',
  'extract_instrumental',
  'filename_template',
  'flac_file',
  'force_cpu',
  'input_folder',
  'lora_checkpoint',
  'lora_checkpoint_loralib',
  'lora_checkpoint_peft',
  'model_type',
  'pcm_type',
  'skip_errors',
  'start_check_point',
  'store_dir',
  'use_tta',
]);
/** Whether the server sets this option itself, in any spelling that a parser may use. */
export const isOurs = (option: string) => OURS.has(option.replaceAll('-', '_'));
const MOST = 20;

const name = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/)
  .refine((option) => !isOurs(option));
const text = z.string().max(500);
const value = z.union([z.boolean(), z.number(), text, z.array(z.union([z.number(), text])).max(MOST)]);

/** Options that only a fork's `inference.py` has, by name without leading dashes. */
export const msstArgumentsSchema = z
  .record(name, value)
  .refine((options) => Object.keys(options).length <= MOST);
export const MSST_ARGUMENTS_ALLOWED = `at most ${String(MOST)} options of your MSST's inference.py that the server does not set itself, by name without dashes, such as {my_option: 0.5, my_flag: true}`;

/** Converts the options to command-line arguments; a false flag is omitted. */
export function wordsOfArguments(options: z.output<typeof msstArgumentsSchema>): string[] {
  return Object.entries(options).flatMap(([option, given]) => {
    if (given === false) return [];
    if (given === true) return [`--${option}`];
    return Array.isArray(given) ? [`--${option}`, ...given.map(String)] : [`--${option}=${String(given)}`];
  });
}
