import { createModelCatalog, type ModelCatalog } from '../models/catalog/modelCatalog.ts';
import { createModuleNeeds } from '../models/inspection/moduleNeeds.ts';
import { askEngineForNeeds } from '../workers/inference/engineNeeds.ts';
import type { Parts } from './parts.ts';
import { commandOf } from './processes.ts';

/** Finds the models. `onOtherArchitectures` is called when the MSST on disk builds others than before. */
export function createModels(parts: Parts & { onOtherArchitectures: () => void }): Promise<ModelCatalog> {
  const { config, log, onOtherArchitectures } = parts;
  const engine = { ...commandOf(config), python: config.enginePython };
  return createModelCatalog({
    projectRoot: config.projectRoot,
    msstRoot: config.msstRoot,
    extraModelDirs: config.extraModelDirs,
    needs: createModuleNeeds(
      config.knownNeeds,
      {
        python: config.enginePython,
        ask: (loader) => askEngineForNeeds(engine, config.msstRoot, loader),
        onOtherArchitectures,
      },
      log,
    ),
    listed: config.listedModels,
    defaultModelType: config.defaultModelType,
    log,
  });
}
