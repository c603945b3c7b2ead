import path from 'node:path';
import { closest } from '../didYouMean.ts';
import { ARCHITECTURES, architectureInName, spelledAs } from './architecture.ts';
import { architecturesOfKeys } from './architectureKeys.ts';
import { readCheckpointTensors } from './checkpointTensors.ts';
import { lacksArchitecture } from './lacking.ts';
import { quoted, type ModelCandidate } from './modelEntry.ts';
import type { ModelYaml } from './modelYaml.ts';
import { architecturesOfTensors, canTellApart } from './tensorEvidence.ts';

/** Which architecture a model is taken to be of, and what a person should know about that. */
export interface ArchitectureVerdict {
  /** Null: nothing tells. */
  architecture: string | null;
  /** Clauses for the log; where nothing tells, why. */
  notes: string[];
  /** A clause for clients: the MSST in use does not build it. Absent: it does, or does not tell. */
  lacking?: string;
}

/** What is looked at; `architecture` is the configuration's own word, which goes before everything. */
type Described = Pick<ModelCandidate, 'architecture' | 'configPath' | 'checkpointPath'>;
type Telling = Pick<ModelYaml, 'declaredArchitecture' | 'keys' | 'subbands' | 'stereo'>;

/**
 * Tells a model's MSST type: by the configuration's word or the YAML's own; else by the keys of its sections; where
 * they fit several, by the files' names and the names and shapes of the checkpoint's tensors, which are read only
 * then.
 *
 * @param known the types that the MSST in use builds; null: it does not tell. A fork may know others than ARCHITECTURES.
 */
export async function tellArchitecture(
  described: Described,
  yaml: Telling,
  known: readonly string[] | null,
): Promise<ArchitectureVerdict> {
  const word = described.architecture ?? yaml.declaredArchitecture;
  if (word !== null) return asWritten(word, described, yaml, known);
  const told = await byContent(described, yaml, known);
  return told.architecture === null ? told : { ...told, ...lackingIn(known, told.architecture) };
}

function asWritten(
  word: string,
  described: Described,
  yaml: Telling,
  known: readonly string[] | null,
): ArchitectureVerdict {
  const meant = spelledAs(word, known ?? ARCHITECTURES);
  if (meant === word) return verdict(word);
  if (meant === null) {
    // MSST of today takes the YAML's word before the one that it is told.
    const isBuilt = known !== null && spelledAs(yaml.declaredArchitecture ?? '', known) !== null;
    if (known !== null && !isBuilt) return { ...verdict(word), ...lackingIn(known, word) };
    return verdict(word, isBuilt ? lacksArchitecture(word, known) : unknownToMsst(word));
  }
  const where = described.architecture === null ? 'its YAML' : 'its entry';
  return verdict(
    meant,
    `${where} has the architecture ${quoted(word)}: MSST writes it ${meant}, and it is taken for that`,
  );
}

const lackingIn = (known: readonly string[] | null, architecture: string) =>
  known === null || known.includes(architecture) ? {} : { lacking: lacksArchitecture(architecture, known) };

function unknownToMsst(word: string): string {
  const nearest = closest(word, ARCHITECTURES);
  const hint = nearest === null ? '' : `; did you mean ${nearest}?`;
  return `the architecture ${quoted(word)} is none of those that MSST is known to have${hint}`;
}

async function byContent(
  described: Described,
  yaml: Telling,
  known: readonly string[] | null,
): Promise<ArchitectureVerdict> {
  const named = inTheirNames(described);
  const fitting = ofThisMsst(architecturesOfKeys(yaml.keys), named, known);
  const [only, ...others] = fitting;
  if (only === undefined) return verdict(named, ...(named === null ? [NOTHING] : []));
  const keys = `its YAML has the keys of ${fitting.join(', ')}`;
  if (others.length === 0) return verdict(only, ...contradiction(named, fitting, keys, only));
  if (named !== null && fitting.includes(named) && !isShortForAnother(named, fitting)) return verdict(named);

  const read = canTellApart(fitting) ? await readCheckpointTensors(described.checkpointPath) : null;
  const left = read?.ok ? architecturesOfTensors(fitting, read.tensors, yaml) : [];
  const architecture = choose(left.length > 0 ? left : fitting, named);
  const unread = read && !read.ok ? `, and ${read.problem}` : '';
  if (architecture === null) return verdict(null, `${NOTHING}: ${keys}${unread}`);
  if (named === null && unread !== '') {
    return verdict(architecture, `${keys}${unread}: it is taken for ${architecture}`);
  }
  return verdict(architecture, ...contradiction(named, fitting, keys, architecture));
}

const NOTHING = 'nothing tells its architecture';

function contradiction(
  named: string | null,
  fitting: readonly string[],
  keys: string,
  taken: string,
): string[] {
  if (named === null || fitting.includes(named)) return [];
  return [`its files' names say ${named}, but ${keys}: it is taken for ${taken}`];
}

/** Of two names the one that says more; the YAML's where they say different things. */
function inTheirNames({ configPath, checkpointPath }: Described): string | null {
  const ofYaml = architectureInName(path.basename(configPath));
  const ofCheckpoint = architectureInName(path.basename(checkpointPath));
  if (ofYaml === null || ofCheckpoint?.includes(ofYaml)) return ofCheckpoint;
  return ofYaml;
}

/** An older MSST may call a network by another name than today's; its files' names then say which. */
function ofThisMsst(fitting: string[], named: string | null, known: readonly string[] | null): string[] {
  if (known === null) return fitting;
  const built = fitting.filter((architecture) => known.includes(architecture));
  if (built.length > 0) return built;
  return named !== null && known.includes(named) ? [] : fitting;
}

function choose(architectures: readonly string[], named: string | null): string | null {
  if (architectures.length === 1) return architectures[0] ?? null;
  if (named !== null && architectures.includes(named)) return named;
  // The one that the others are variants of.
  return architectures.find((each) => architectures.every((other) => other.includes(each))) ?? null;
}

/** `scnet` may stand for `scnet_masked` in a file's name. */
const isShortForAnother = (named: string, architectures: readonly string[]) =>
  architectures.some((other) => other !== named && other.includes(named));

const verdict = (architecture: string | null, ...notes: string[]): ArchitectureVerdict => ({
  architecture,
  notes,
});
