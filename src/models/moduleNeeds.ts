import { stat } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { KnownNeeds } from '../config/knownNeeds.ts';
import type { CatalogLog } from './modelEntry.ts';

/** Which architectures the MSST in use builds, and which Python modules they need that its interpreter has not got. */
export interface ModuleNeeds {
  /** Those that it builds, all of them; null: it does not tell. */
  architectures(): readonly string[] | null;
  /** Those of one architecture; none where it is not known. */
  missing(architecture: string): readonly string[];
  /** Changes when a package was installed or removed, or the source of what builds the networks changed. */
  marks(): string;
  /** Asks again if that happened since. */
  refresh(): Promise<void>;
}

/**
 * Begins with what the set-up found out, and asks anew after an install or another checkout. Where that fails, what
 * was known stays.
 *
 * @param known null: nothing is said to be missing, ever; a model that cannot be built says so in its first task
 * @param engine.onOtherArchitectures is called when the MSST builds others than before: a process that has imported it
 *   does not
 */
export function createModuleNeeds(
  known: KnownNeeds | null,
  engine: {
    python: string;
    ask: (loader: KnownNeeds['loader']) => Promise<KnownNeeds>;
    onOtherArchitectures: () => void;
  },
  log: CatalogLog,
): ModuleNeeds {
  let needs: KnownNeeds = known ?? { architectures: null, missing: {}, loader: null, package_folders: [] };
  let marks: string | null = null;
  let running: Promise<void> | null = null;
  if (known) tellMissing(known, engine.python, log);

  const look = async (): Promise<void> => {
    const now = await marksOf(needs);
    const isOther = marks !== null && marks !== now;
    marks = now;
    if (!isOther) return;
    const before = needs;
    try {
      needs = await engine.ask(before.loader);
    } catch (error) {
      log.warn({ err: error }, 'what the MSST builds, and what it lacks for that, could not be found out');
      return;
    }
    if (!isDeepStrictEqual(needs.missing, before.missing)) tellMissing(needs, engine.python, log);
    if (isDeepStrictEqual(needs.architectures, before.architectures)) return;
    log.info({ architectures: needs.architectures }, 'the MSST builds other architectures than before');
    engine.onOtherArchitectures();
  };

  return {
    architectures: () => needs.architectures,
    // A YAML may call its architecture what every object has, such as `constructor`.
    missing: (architecture) =>
      Object.hasOwn(needs.missing, architecture) ? (needs.missing[architecture] ?? []) : [],
    marks: () => marks ?? '',
    refresh() {
      running ??= look().finally(() => {
        running = null;
      });
      return running;
    },
  };
}

function tellMissing({ missing }: KnownNeeds, python: string, log: CatalogLog): void {
  const lacking = Object.entries(missing).filter(([, modules]) => modules.length > 0);
  if (lacking.length === 0) return;
  log.info(
    { missing: Object.fromEntries(lacking) },
    `models of these architectures need Python modules that are not installed. Name them under engine_extras in the configuration and start again; or, where you bring the interpreter yourself, install them: ${python} -m pip install MODULE`,
  );
}

/** An install, an update and a removal each make or remove entries of a folder of packages. */
async function marksOf({ package_folders: folders, loader }: KnownNeeds): Promise<string> {
  const marks = await Promise.all(
    [...folders, ...(loader === null ? [] : [loader.file])].map((file) =>
      stat(file, { bigint: true }).then(
        ({ mtimeNs, size }) => `${String(mtimeNs)}:${String(size)}`,
        () => 'none',
      ),
    ),
  );
  return marks.join(' ');
}
