import type { ListedModel } from '../../config/config.ts';
import type { CatalogLog, ModelCandidate } from '../inspection/modelEntry.ts';

/** The models listed in the configuration. Of several with the same name (ignoring case) the first is used. */
export function listedCandidates(listed: readonly ListedModel[], log: CatalogLog): ModelCandidate[] {
  const names = new Set<string>();
  return listed.filter(({ name, configPath }) => {
    const isNew = !names.has(name.toLowerCase());
    names.add(name.toLowerCase());
    if (!isNew) log.warn({ model: name, configPath }, 'a model is listed twice: the first entry is used');
    return isNew;
  });
}
