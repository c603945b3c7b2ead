import { stat } from 'node:fs/promises';
import { execa } from 'execa';
import { z } from 'zod';
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

/** How the engine's interpreter is called. */
export interface EngineCommand {
  python: string;
  projectRoot: string;
  msstRoot: string;
  env: Readonly<Record<string, string>>;
}

const TIMEOUT_MS = 30_000;
const answerSchema = z.object({
  missing: z.record(z.string(), z.array(z.string())),
  package_folders: z.array(z.string()),
});

/** What the set-up found out of it. */
export type KnownNeeds = z.infer<typeof answerSchema>;

/**
 * Reads what the set-up found out, in its JSON.
 *
 * @returns null: nothing that can be read
 */
export function parseNeeds(json: string | undefined): KnownNeeds | null {
  if (json === undefined || json === '') return null;
  try {
    return answerSchema.parse(JSON.parse(json));
  } catch {
    return null;
  }
}

/**
 * Begins with what the set-up found out. After an install `python -m python_worker needs` reads the sources of the MSST
 * in use anew: nothing of it is imported. Where that fails, what was known stays.
 *
 * @param known null: nothing is said to be missing, ever; a model that cannot be built says so in its first task
 */
export function createModuleNeeds(
  known: KnownNeeds | null,
  command: EngineCommand,
  log: CatalogLog,
): ModuleNeeds {
  let needs: KnownNeeds = known ?? { missing: {}, package_folders: [] };
  let packages: string | null = null;
  let running: Promise<void> | null = null;
  if (known) tellMissing(known, command, log);

  const look = async (): Promise<void> => {
    const now = await marksOf(needs.package_folders);
    const isOther = packages !== null && packages !== now;
    packages = now;
    if (!isOther) return;
    try {
      needs = await askEngine(command);
      tellMissing(needs, command, log);
    } catch (error) {
      log.warn({ err: error }, 'what the models need of Python modules could not be found out');
    }
  };

  return {
    missing: (architecture) => needs.missing[architecture] ?? [],
    packages: () => packages ?? '',
    refresh() {
      running ??= look().finally(() => {
        running = null;
      });
      return running;
    },
  };
}

async function askEngine({ python, projectRoot, msstRoot, env }: EngineCommand) {
  const { stdout } = await execa(python, ['-m', 'python_worker', 'needs', '--msst-root', msstRoot], {
    cwd: projectRoot,
    env: { ...env, PYTHONDONTWRITEBYTECODE: '1' },
    extendEnv: false,
    stdin: 'ignore',
    timeout: TIMEOUT_MS,
  });
  return answerSchema.parse(JSON.parse(stdout));
}

function tellMissing({ missing }: KnownNeeds, { python }: EngineCommand, log: CatalogLog): void {
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
