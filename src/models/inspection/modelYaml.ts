import { constants, open } from 'node:fs/promises';
import { LineCounter, parseDocument } from 'yaml';
import { readAt } from './checkpoint/readAt.ts';

/** How MSST splits a mixture into chunks, according to the model's YAML. */
export interface Chunking {
  /** Samples per chunk. */
  chunkSamples: number;
  numOverlap: number;
  batchSize: number;
}

/** The facts that the server needs from an MSST YAML. */
export interface ModelYaml {
  /** `training.model_type`, if the YAML names its architecture. */
  declaredArchitecture: string | null;
  /** Identify the architecture: all section names, and `section.key` for sections that build the network. */
  keys: ReadonlySet<string>;
  /** `model.num_subbands`; null when not specified. */
  subbands: number | null;
  instruments: string[];
  targetInstrument: string | null;
  /** Sample rate in Hz. */
  sampleRate: number;
  stereo: boolean;
  /** Null when not specified. */
  chunking: Chunking | null;
  /** The same for htdemucs, which uses other keys. */
  demucsChunking: Chunking | null;
  /** A human-readable description of the model. */
  description: string | null;
  licence: string | null;
}

export type ModelYamlResult = { ok: true; yaml: ModelYaml } | { ok: false; problem: string };

/** Published YAMLs are under 20 KiB; a hostile one of this size takes the parser about a second. */
const MAX_YAML_BYTES = 256 * 1024;
const MAX_INSTRUMENTS = 100;
const MAX_INSTRUMENT_LENGTH = 100;
/** Characters; longer texts are dropped, as they are not meant for API clients. */
const MAX_TEXT_LENGTH = 1000;
const DEFAULT_SAMPLE_RATE = 44_100;

/**
 * Reads an MSST YAML leniently: Python tags are treated as plain data, bytes need not be UTF-8, most keys are
 * optional.
 *
 * @returns the facts, or a clause (without a path) that says why the file cannot be used. Never throws.
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

/** Parses the bytes of an MSST YAML; at most 256 KiB. */
export function parseModelYaml(content: Buffer): ModelYamlResult {
  if (content.length > MAX_YAML_BYTES) return { ok: false, problem: 'its YAML is larger than 256 KiB' };
  try {
    const lineCounter = new LineCounter();
    // As with PyYAML, which MSST uses: YAML 1.1, and the later of two equal keys wins. Pretty errors and the
    // check for unique keys take quadratic time on a hostile file.
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
    // Alias bombs and excessive nesting make the parser throw.
    return {
      ok: false,
      problem: `its YAML is broken: ${error instanceof Error ? error.message : 'unknown error'}`,
    };
  }
}

async function readBounded(file: string): Promise<Buffer> {
  // Without O_NONBLOCK, opening a named pipe would block forever.
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
    // Some published YAMLs have comments in an old Western encoding; latin1 can decode every byte.
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

/** The chunk length of htdemucs in samples; the YAML gives it in seconds. */
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

/** Reads a name; Python's `None`, often written instead of YAML's `null`, counts as null. */
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
