import { stringify } from 'yaml';
import { tellArchitecture } from './architecture.ts';
import type { FoundFile } from './modelFiles.ts';
import { baseName, cleanName } from './pairing.ts';

const NO_YAML = '/path/to/its/config.yaml';

/**
 * The `models:` block that would serve the checkpoints nothing is paired with, as YAML text. Each gets the YAML
 * whose name has most words in common with its own: a guess, and marked as one.
 *
 * @param yamls every YAML that could belong to one of them.
 */
export function renderModelsBlock(checkpoints: readonly FoundFile[], yamls: readonly FoundFile[]): string {
  const entries = checkpoints.map((checkpoint) => renderEntry(checkpoint, likeliest(checkpoint, yamls)));
  return ['models:', ...entries].join('\n');
}

function renderEntry(checkpoint: FoundFile, yaml: FoundFile | null): string {
  const architecture =
    (yaml && tellArchitecture(null, baseName(yaml))) ?? tellArchitecture(null, baseName(checkpoint));
  const remarks: Record<string, string> = {
    architecture: architecture === null ? ' # put in the right one' : '',
    config_path: yaml === null ? ' # put in the YAML that came with it' : ' # a guess: check it',
  };
  const settings = {
    name: cleanName(baseName(checkpoint)),
    architecture: architecture ?? 'mdx23c',
    config_path: yaml?.path ?? NO_YAML,
    checkpoint_path: checkpoint.path,
  };
  // A text is quoted as YAML needs it; folded over two lines, the remark would fall into its middle.
  const lines = Object.entries(settings).map(
    ([key, value]) => `${key}: ${stringify(value, { lineWidth: 0 }).trimEnd()}${remarks[key] ?? ''}`,
  );
  return `  - ${lines.join('\n    ')}`;
}

function likeliest(checkpoint: FoundFile, yamls: readonly FoundFile[]): FoundFile | null {
  const words = wordsOf(checkpoint);
  let best: { yaml: FoundFile; score: number } | null = null;
  for (const yaml of yamls) {
    const others = wordsOf(yaml);
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
