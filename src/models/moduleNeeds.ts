import { stat } from 'node:fs/promises';
import type { KnownNeeds } from '../config/knownNeeds.ts';
import type { CatalogLog } from './modelEntry.ts';

/** Which Python modules the architectures need that the engine's interpreter has not got. */
export interface ModuleNeeds {
  /** Those of one architecture; none where it is not known. */
  missing(architecture: string): readonly string[];
  /** Changes when a package was installed or removed. */
  packages(): string;
  /** Asks again if a package was installed or removed since. */
  refresh(): Promise<void>;
}

/**
 * Begins with what the set-up found out, and asks anew after an install. Where that fails, what was known stays.
 *
 * @param known null: nothing is said to be missing, ever; a model that cannot be built says so in its first task
 */
export function createModuleNeeds(
  known: KnownNeeds | null,
  engine: { python: string; ask: () => Promise<KnownNeeds> },
  log: CatalogLog,
): ModuleNeeds {
  let needs: KnownNeeds = known ?? { missing: {}, package_folders: [] };
  let packages: string | null = null;
  let running: Promise<void> | null = null;
  if (known) tellMissing(known, engine.python, log);

  const look = async (): Promise<void> => {
    const now = await marksOf(needs.package_folders);
    const isOther = packages !== null && packages !== now;
    packages = now;
    if (!isOther) return;
    try {
      needs = await engine.ask();
      tellMissing(needs, engine.python, log);
    } catch (error) {
      log.warn({ err: error }, 'what the models need of Python modules could not be found out');
    }
  };

  return {
    // A YAML may call its architecture what every object has, such as `constructor`.
    missing: (architecture) =>
      Object.hasOwn(needs.missing, architecture) ? (needs.missing[architecture] ?? []) : [],
    packages: () => packages ?? '',
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

/** An install, an update and a removal each make or remove entries of the folder. */
async function marksOf(folders: readonly string[]): Promise<string> {
  const marks = await Promise.all(
    folders.map((folder) =>
      stat(folder, { bigint: true }).then(
        ({ mtimeNs }) => mtimeNs,
        () => 0n,
      ),
    ),
  );
  return marks.join(' ');
}

/** A clause for clients: why a model cannot be used. */
export function lacksModules(modules: readonly string[]): string {
  return modules.length === 1
    ? `it needs the Python module ${String(modules[0])}, which is not installed`
    : `it needs the Python modules ${modules.join(', ')}, which are not installed`;
}

/** Whether a model was found unavailable for lack of a module: a worker's sentence, or ours. */
export const isForLackOfModules = (reason: string) =>
  /needs the Python modules? .* not installed/.test(reason);
