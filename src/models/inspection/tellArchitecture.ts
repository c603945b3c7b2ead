import path from 'node:path';
import { closest } from '../../didYouMean.ts';
import { ARCHITECTURES, architectureInName, spelledAs } from './architecture.ts';
import { architecturesOfKeys } from './architectureKeys.ts';
import { readCheckpointTensors } from './checkpoint/checkpointTensors.ts';
import { lacksArchitecture } from './lacking.ts';
import { quoted, type ModelCandidate } from './modelEntry.ts';
import type { ModelYaml } from './modelYaml.ts';
import { architecturesOfTensors, canTellApart } from './tensorEvidence.ts';

/** The architecture determined for a model, and notes on how certain it is. */
export interface ArchitectureVerdict {
  /** Null when it cannot be determined. */
  architecture: string | null;
  /** Clauses for the log; when there is no architecture, the reason. */
  notes: string[];
  /** A clause for clients, present when the MSST in use is known not to build the architecture. */
  lacking?: string;
}

/** The model to examine; `architecture` comes from the configuration and takes precedence. */
type Described = Pick<ModelCandidate, 'architecture' | 'configPath' | 'checkpointPath'>;
type Telling = Pick<ModelYaml, 'declaredArchitecture' | 'keys' | 'subbands' | 'stereo'>;

/**
 * Determines a model's MSST type: from the configuration or the YAML's declaration; else from the keys of the
 * YAML's sections; if several types match, from the file names and the names and shapes of the checkpoint's
 * tensors, which are read only then.
 *
 * @param known the types that the MSST in use builds; null when unknown. A fork may have others than ARCHITECTURES
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
    // Current MSST prefers the YAML's type to the one passed to it.
    const isBuilt = known !== null && spelledAs(yaml.declaredArchitecture ?? '', known) !== null;
    if (known !== null && !isBuilt) return { ...verdict(word), ...lackingIn(known, word) };
    return verdict(word, isBuilt ? lacksArchitecture(word, known) : unknownToMsst(word));
  }
  const where = described.architecture === null ? 'its YAML' : 'its entry';
  return verdict(
    meant,
    `${where} has the architecture ${quoted(word)}: MSST writes it ${meant}, which is assumed`,
  );
}

const lackingIn = (known: readonly string[] | null, architecture: string) =>
  known === null || known.includes(architecture) ? {} : { lacking: lacksArchitecture(architecture, known) };

function unknownToMsst(word: string): string {
  const nearest = closest(word, ARCHITECTURES);
  const hint = nearest === null ? '' : `; did you mean ${nearest}?`;
  return `the architecture ${quoted(word)} is not a known architecture of MSST${hint}`;
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
    return verdict(architecture, `${keys}${unread}: assuming ${architecture}`);
  }
  return verdict(architecture, ...contradiction(named, fitting, keys, architecture));
}

const NOTHING = 'its architecture cannot be determined';

function contradiction(
  named: string | null,
  fitting: readonly string[],
  keys: string,
  taken: string,
): string[] {
  if (named === null || fitting.includes(named)) return [];
  return [`its files' names say ${named}, but ${keys}: assuming ${taken}`];
}

/** The architecture in the file names: the more specific of the two; the YAML's if they disagree. */
function inTheirNames({ configPath, checkpointPath }: Described): string | null {
  const ofYaml = architectureInName(path.basename(configPath));
  const ofCheckpoint = architectureInName(path.basename(checkpointPath));
  if (ofYaml === null || ofCheckpoint?.includes(ofYaml)) return ofCheckpoint;
  return ofYaml;
}

/** Restricts to what this MSST builds. An older MSST may use other names, which the file names then give. */
function ofThisMsst(fitting: string[], named: string | null, known: readonly string[] | null): string[] {
  if (known === null) return fitting;
  const built = fitting.filter((architecture) => known.includes(architecture));
  if (built.length > 0) return built;
  return named !== null && known.includes(named) ? [] : fitting;
}

function choose(architectures: readonly string[], named: string | null): string | null {
  if (architectures.length === 1) return architectures[0] ?? null;
  if (named !== null && architectures.includes(named)) return named;
  // The base architecture of which the others are variants.
  return architectures.find((each) => architectures.every((other) => other.includes(each))) ?? null;
}

/** Whether the name may be short for a variant: `scnet` in a file name may mean `scnet_masked`. */
const isShortForAnother = (named: string, architectures: readonly string[]) =>
  architectures.some((other) => other !== named && other.includes(named));

const verdict = (architecture: string | null, ...notes: string[]): ArchitectureVerdict => ({
  architecture,
  notes,
});
