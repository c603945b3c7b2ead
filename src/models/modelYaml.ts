import { constants, open } from 'node:fs/promises';
import { LineCounter, parseDocument } from 'yaml';
import { readAt } from './readAt.ts';

/** How MSST lays chunks over a mixture, by the model's YAML. */
export interface Chunking {
  /** Samples that the network gets at once. */
  chunkSamples: number;
  numOverlap: number;
  batchSize: number;
}

/** What the server needs to know of an MSST YAML. */
export interface ModelYaml {
  /** `training.model_type`, where the YAML names its architecture itself. */
  declaredArchitecture: string | null;
  /** What tells of its architecture: the names of its sections, and `section.key` of those that build the network. */
  keys: ReadonlySet<string>;
  /** `model.num_subbands`. */
  subbands: number | null;
  instruments: string[];
  targetInstrument: string | null;
  /** Hz. */
  sampleRate: number;
  stereo: boolean;
  /** How the chunks lie; null: not told. */
  chunking: Chunking | null;
  /** The same for htdemucs, which goes by other keys. */
  demucsChunking: Chunking | null;
  /** What the YAML says of the model, for people. */
  description: string | null;
  licence: string | null;
}

export type ModelYamlResult = { ok: true; yaml: ModelYaml } | { ok: false; problem: string };

/** Published YAMLs stay under 20 KiB; a hostile one of this size costs the parser about a second. */
const MAX_YAML_BYTES = 256 * 1024;
const MAX_INSTRUMENTS = 100;
const MAX_INSTRUMENT_LENGTH = 100;
/** Characters; what is longer says something to others than the API's clients. */
const MAX_TEXT_LENGTH = 1000;
const DEFAULT_SAMPLE_RATE = 44_100;

/**
 * Reads an MSST YAML leniently: Python tags are plain data, bytes need not be UTF-8, most keys may be missing.
 *
 * @returns the facts, or one sentence (no path in it) that says why the file is of no use. Never throws.
 */
export async function readModelYaml(configPath: string): Promise<ModelYamlResult> {
  let content: Buffer;
  try {
    content = await readBounded(configPath);
  } catch (error) {
    return { ok: false, problem: unreadable(error as NodeJS.ErrnoException) };
  }
  return parseModelYaml(content);
}

/** The same for bytes in memory; at most 256 KiB. */
export function parseModelYaml(content: Buffer): ModelYamlResult {
  if (content.length > MAX_YAML_BYTES) return { ok: false, problem: 'its YAML is larger than 256 KiB' };
  try {
    const lineCounter = new LineCounter();
    // MSST reads with PyYAML, so YAML 1.1 holds and the later of two equal keys wins, as there. Quoting every
    // error's line, and looking for equal keys, would cost time by the square of a hostile file's size.
    const options = { version: '1.1', uniqueKeys: false, prettyErrors: false, lineCounter } as const;
    const document = parseDocument(decode(content), options);
    const syntaxError = document.errors[0];
    if (syntaxError) {
      const { line } = lineCounter.linePos(syntaxError.pos[0]);
      return {
        ok: false,
        problem: `its YAML is broken in line ${String(line)}: ${firstClause(syntaxError.message)}`,
      };
    }
    return factsOf(document.toJS({ maxAliasCount: 100 }));
  } catch (error) {
    // Alias bombs and nesting without end throw from within the parser.
    return {
      ok: false,
      problem: `its YAML is broken: ${error instanceof Error ? error.message : 'unknown error'}`,
    };
  }
}

async function readBounded(file: string): Promise<Buffer> {
  // Without O_NONBLOCK, opening a pipe that somebody left there would wait for ever.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw Object.assign(new Error('not a file'), { code: 'EISDIR' });
    return await readAt(handle, 0, MAX_YAML_BYTES + 1);
  } finally {
    await handle.close();
  }
}

function unreadable(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'its YAML is missing';
  if (error.code === 'EISDIR') return 'its YAML is not a file';
  return `its YAML cannot be read (${error.code ?? 'unknown error'})`;
}

function decode(content: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    // Some published YAMLs hold comments in an old Western encoding; every byte is a letter in latin1.
    return content.toString('latin1');
  }
}

function factsOf(root: unknown): ModelYamlResult {
  const training = section(root, 'training');
  const audio = section(root, 'audio');
  if (training === null) return { ok: false, problem: 'its YAML has no `training` section' };
  const instruments = instrumentsOf(value(training, 'instruments'));
  if (typeof instruments === 'string') return { ok: false, problem: instruments };
  const inference = section(root, 'inference');
  const chunkSize = positive(value(inference, 'chunk_size')) ?? positive(value(audio, 'chunk_size'));
  const channels = value(audio, 'num_channels') ?? value(training, 'channels');
  return {
    ok: true,
    yaml: {
      declaredArchitecture: word(value(training, 'model_type')),
      keys: keysOf(root),
      subbands: positive(value(section(root, 'model'), 'num_subbands')),
      instruments,
      targetInstrument: word(value(training, 'target_instrument')),
      sampleRate:
        positive(value(audio, 'sample_rate')) ??
        positive(value(training, 'samplerate')) ??
        DEFAULT_SAMPLE_RATE,
      stereo: channels !== 1 && value(section(root, 'model'), 'stereo') !== false,
      chunking: chunkingOf(chunkSize, inference),
      demucsChunking: chunkingOf(segmentSamples(training), inference),
      description: textOf(value(root, 'description')),
      licence: textOf(value(root, 'licence')),
    },
  };
}

const NETWORK_SECTIONS = ['model', 'kwargs', 'stft'];

function keysOf(root: unknown): ReadonlySet<string> {
  const names = Object.keys(root as Section).filter((name) => section(root, name) !== null);
  const inner = NETWORK_SECTIONS.flatMap((name) =>
    Object.keys(section(root, name) ?? {}).map((key) => `${name}.${key}`),
  );
  return new Set([...names, ...inner]);
}

function instrumentsOf(listed: unknown): string[] | string {
  if (!Array.isArray(listed) || listed.length === 0) return 'its YAML lists no `training.instruments`';
  const names = listed.map(word);
  if (
    names.length > MAX_INSTRUMENTS ||
    names.some((name) => name === null || name.length > MAX_INSTRUMENT_LENGTH)
  ) {
    return 'its YAML has `training.instruments` that are not names';
  }
  return [...new Set(names as string[])];
}

function chunkingOf(chunkSamples: number | null, inference: Section | null): Chunking | null {
  const numOverlap = positive(value(inference, 'num_overlap'));
  const batchSize = positive(value(inference, 'batch_size'));
  if (chunkSamples === null || numOverlap === null || batchSize === null) return null;
  return numOverlap > chunkSamples ? null : { chunkSamples, numOverlap, batchSize };
}

/** What htdemucs gets at once: so many seconds. */
function segmentSamples(training: Section): number | null {
  const samplerate = positive(value(training, 'samplerate'));
  const segment = value(training, 'segment');
  if (samplerate === null || typeof segment !== 'number') return null;
  return positive(Math.round(samplerate * segment));
}

type Section = Record<string, unknown>;

function section(parent: unknown, key: string): Section | null {
  const found = value(parent, key);
  return typeof found === 'object' && found !== null && !Array.isArray(found) ? (found as Section) : null;
}

function value(parent: unknown, key: string): unknown {
  if (typeof parent !== 'object' || parent === null || !Object.hasOwn(parent, key)) return undefined;
  return (parent as Section)[key];
}

/** Python's `None`, written without thought for YAML's `null`, means the same. */
function word(found: unknown): string | null {
  if (typeof found === 'number') return String(found);
  if (typeof found !== 'string') return null;
  return ['', 'none', 'null'].includes(found.trim().toLowerCase()) ? null : found;
}

function textOf(found: unknown): string | null {
  const text = word(found)?.trim() ?? null;
  return text === null || text.length > MAX_TEXT_LENGTH ? null : text;
}

function positive(found: unknown): number | null {
  return typeof found === 'number' && Number.isInteger(found) && found > 0 ? found : null;
}

const firstClause = (message: string) => message.split(/[;\n]/)[0] ?? '';
