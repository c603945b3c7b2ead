import type { ModelCatalog } from '../../models/catalog/modelCatalog.ts';
import type { ModelEntry } from '../../models/inspection/modelEntry.ts';
import type { SizedModel } from '../../tasks/resources/taskMemory.ts';
import type { SeparateParams } from '../../contract/protocol.ts';

/** A model as a worker needs it, by absolute paths. */
export interface RunnableModel extends SizedModel {
  params: SeparateParams['model'];
  checkpointBytes: number;
  /** Of its files, and of how it is computed. */
  version: string;
}

/** The model that a task names, as it is known to be; undefined when it cannot be used now. */
export function describeModel(
  catalog: Pick<ModelCatalog, 'named'>,
  modelType: string,
): RunnableModel | undefined {
  const model = catalog.named(modelType);
  return model ? toRunnable(model) : undefined;
}

/** The same, its files looked at anew. @returns a sentence for clients where it cannot be used */
export async function lookAtModel(
  catalog: Pick<ModelCatalog, 'look'>,
  modelType: string,
): Promise<RunnableModel | string> {
  const model = await catalog.look(modelType);
  return typeof model === 'string' ? model : toRunnable(model);
}

function toRunnable(model: ModelEntry): RunnableModel {
  return {
    sampleRate: model.sampleRate,
    outputs: model.outputs,
    chunking: model.chunking,
    checkpointBytes: model.checkpointBytes,
    version: model.version,
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
      msst_arguments: [...model.msstArguments],
    },
  };
}
