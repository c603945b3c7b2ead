import { closest } from '../../didYouMean.ts';
import { AppError, type ParamProblem } from '../../errors.ts';
import { quoted } from '../inspection/modelEntry.ts';

/** A submission named a model that this server does not have. */
export function unknownModel(modelType: string, valid: readonly string[]): ParamProblem {
  const near = closest(modelType, valid);
  const hint = near === null ? '' : ` Did you mean ${quoted(near)}?`;
  return {
    name: 'model_type',
    message: `model_type ${quoted(modelType)} is not known.${hint} Valid: ${valid.join(', ')}.`,
    allowed: valid.join(', '),
    received: modelType.slice(0, 80),
    ...(near === null ? {} : { did_you_mean: near }),
  };
}

/** A submission named no model, and there is no default. */
export const missingModelType = (valid: readonly string[]): ParamProblem => ({
  name: 'model_type',
  message: `model_type is missing, and this server has no default. Valid: ${valid.join(', ')}.`,
  allowed: valid.join(', '),
});

/** A sentence for clients. `reason` may be a clause from this server or a worker's sentence. */
export const unavailability = (name: string, reason: string) => {
  const clause = reason.replace(`The model ${name} cannot be loaded: `, '').replace(/\.$/, '');
  return `The model ${quoted(name)} is unavailable: ${clause}.`;
};

/** A sentence for clients: a task's model no longer exists on this server. */
export const goneModel = (name: string) => `This server has no model ${quoted(name)} any more.`;

/** The model is known but currently cannot be used. */
export function unavailableModel(name: string, reason: string, valid: readonly string[]): AppError {
  const others = valid.length === 0 ? '' : ` Available: ${valid.join(', ')}.`;
  return new AppError('MODEL_UNAVAILABLE', `${unavailability(name, reason)}${others}`, {
    details: { valid_model_types: [...valid] },
  });
}

/** The server has no models at all. */
export function noModels(): AppError {
  return new AppError('MODEL_UNAVAILABLE', 'This server has no model.', {
    details: { valid_model_types: [] },
  });
}
