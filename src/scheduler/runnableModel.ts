import type { ModelCatalog } from '../models/modelCatalog.ts';
import type { SizedModel } from '../tasks/taskMemory.ts';
import type { SeparateParams } from '../worker/protocol.ts';

/** A model as a worker needs it, by absolute paths. */
export interface RunnableModel extends SizedModel {
  params: SeparateParams['model'];
  checkpointBytes: number;
}

/** The model that a task names, as it is now; undefined when it is gone since the task was accepted. */
export function describeModel(
  catalog: Pick<ModelCatalog, 'find'>,
  modelType: string,
): RunnableModel | undefined {
  const model = catalog.find(modelType);
  if (!model) return undefined;
  return {
    sampleRate: model.sampleRate,
    outputs: model.outputs,
    chunking: model.chunking,
    checkpointBytes: model.checkpointBytes,
    params: {
      name: model.name,
      architecture: model.architecture,
      config_path: model.configPath,
      checkpoint_path: model.checkpointPath,
      trust_pickle: model.trustPickle,
      lora_checkpoint_peft: model.loraCheckpointPeft,
      lora_checkpoint_loralib: model.loraCheckpointLoralib,
      precision: model.precision,
      compile: model.compile,
    },
  };
}
