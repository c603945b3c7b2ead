import { closest } from '../../didYouMean.ts';
import type { ModelCatalog } from './modelCatalog.ts';
import type { CatalogLog } from '../inspection/modelEntry.ts';

/**
 * Resolves the configuration's `preload_models` to model names, each once, in the given order. Unknown and
 * unavailable models are skipped with a warning.
 */
export function choosePreloads(
  wanted: readonly string[],
  catalog: Pick<ModelCatalog, 'find' | 'list' | 'unavailable'>,
  log: CatalogLog,
): string[] {
  const chosen = wanted.flatMap((name) => {
    const model = catalog.find(name);
    if (model) return [model.name];
    const known = [...catalog.list(), ...catalog.unavailable()].map((each) => each.name);
    const unavailable = catalog.unavailable().find((each) => isSame(each.name, name));
    if (unavailable) {
      log.warn(
        { preload_models: name, reason: unavailable.reason },
        'preload_models names a model that is unavailable: it is not preloaded',
      );
    } else {
      log.warn(
        { preload_models: name, didYouMean: closest(name, known), names: known },
        'preload_models names an unknown model: it is ignored',
      );
    }
    return [];
  });
  return [...new Set(chosen)];
}

const isSame = (one: string, other: string) => one.toLowerCase() === other.toLowerCase();
