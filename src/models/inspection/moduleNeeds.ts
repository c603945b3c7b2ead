import { stat } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { KnownNeeds } from '../../config/knownNeeds.ts';
import type { CatalogLog } from './modelEntry.ts';

/** The architectures that the MSST in use builds, and the Python modules they need that are not installed. */
export interface ModuleNeeds {
  /** All architectures that the MSST builds; null when unknown. */
  architectures(): readonly string[] | null;
  /** The modules missing for one architecture; empty when it is unknown. */
  missing(architecture: string): readonly string[];
  /** A fingerprint that changes when a package is installed or removed, or the network-building source changes. */
  marks(): string;
  /** Asks the engine again if the fingerprint has changed. */
  refresh(): Promise<void>;
}

/**
 * Starts from what the set-up found and asks the engine again after an install or a change of checkout. If that
 * fails, the previous answer is kept.
 *
 * @param known null: nothing is ever reported as missing; a model that cannot be built fails in its first task
 * @param engine.onOtherArchitectures called when the architectures of MSST have changed; processes that
 *   have already imported it still build the old ones
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
      log.warn({ err: error }, 'the architectures and missing modules of MSST could not be determined');
      return;
    }
    if (!isDeepStrictEqual(needs.missing, before.missing)) tellMissing(needs, engine.python, log);
    if (isDeepStrictEqual(needs.architectures, before.architectures)) return;
    log.info({ architectures: needs.architectures }, 'the architectures of MSST have changed');
    engine.onOtherArchitectures();
  };

  return {
    architectures: () => needs.architectures,
    // A YAML may name its architecture like an inherited property, such as `constructor`.
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
    `models of these architectures need Python modules that are not installed. Add them to engine_extras in the configuration and restart; if you use an interpreter of your own, install them: ${python} -m pip install MODULE`,
  );
}

/** The fingerprint: installing, updating or removing a package changes entries of the package folder. */
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
