import { stringify } from 'yaml';
import { architectureInName } from '../inspection/architecture.ts';
import type { FoundFile } from './modelFiles.ts';
import { baseName, cleanName, freeName } from './pairing.ts';

/**
 * Renders a `models:` block, as YAML text, that would serve the unpaired checkpoints. Each gets the YAML whose
 * name shares most words with its own; this is a guess and marked as one.
 *
 * @param yamls every YAML that could belong to one of the checkpoints
 * @param names names of models already served: an entry with the same name would replace the model
 */
export function renderModelsBlock(
  checkpoints: readonly FoundFile[],
  yamls: readonly FoundFile[],
  names: readonly string[] = [],
): string {
  const rivals = yamls.map((yaml) => ({ yaml, words: wordsOf(yaml) }));
  const taken = new Set(names.map((name) => name.toLowerCase()));
  const entries = checkpoints.map((checkpoint) => {
    const name = freeName(cleanName(baseName(checkpoint)), checkpoint.folder, taken);
    taken.add(name.toLowerCase());
    return renderEntry(name, checkpoint, likeliest(checkpoint, rivals));
  });
  return ['models:', ...entries].join('\n');
}

function renderEntry(name: string, checkpoint: FoundFile, yaml: FoundFile | null): string {
  const architecture =
    (yaml && architectureInName(baseName(yaml))) ?? architectureInName(baseName(checkpoint));
  const lines = [
    `name: ${quotedAsNeeded(name)}`,
    architecture === null
      ? '# architecture: the MSST model type, if the YAML does not have it'
      : `architecture: ${architecture}`,
    yaml === null
      ? 'config_path: /path/to/its/config.yaml # the YAML that belongs to the checkpoint'
      : `config_path: ${quotedAsNeeded(yaml.path)} # a guess: check it`,
    `checkpoint_path: ${quotedAsNeeded(checkpoint.path)}`,
  ];
  return `  - ${lines.join('\n    ')}`;
}

/** Quotes a YAML string on one line, so that a comment can follow it. */
const quotedAsNeeded = (text: string) => stringify(text, { lineWidth: 0 }).trimEnd();

function likeliest(
  checkpoint: FoundFile,
  rivals: readonly { yaml: FoundFile; words: ReadonlySet<string> }[],
): FoundFile | null {
  const words = wordsOf(checkpoint);
  let best: { yaml: FoundFile; score: number } | null = null;
  for (const { yaml, words: others } of rivals) {
    const shared = [...words].filter((word) => others.has(word)).length;
    const score = shared / (words.size + others.size - shared);
    if (score > (best?.score ?? 0)) best = { yaml, score };
  }
  return best?.yaml ?? null;
}

const wordsOf = (file: FoundFile) =>
  new Set(
    baseName(file)
      .toLowerCase()
      .split(/[^a-z0-9]+/)
      .filter((word) => word !== ''),
  );
