import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { closest } from '../../didYouMean.ts';
import { AppError } from '../../errors.ts';
import { unavailability } from '../../models/catalog/modelErrors.ts';
import { addRoute } from '../openapi/addRoute.ts';
import { jsonAnswer } from '../openapi/answers.ts';
import { curl, EXAMPLE } from '../openapi/exampleIds.ts';
import { modelExamples, modelListExamples } from '../openapi/examples.ts';
import { problemAnswers } from '../openapi/problemAnswers.ts';
import type { HttpEnv } from '../request/env.ts';
import { modelListSchema, modelSchema } from '../openapi/schemas.ts';
import type { HttpServices } from './services.ts';
import { modelToWire } from '../openapi/wire.ts';
import { API_PREFIX } from '../request/publicPath.ts';

const LIST = { path: `${API_PREFIX}/models`, allow: ['GET', 'HEAD'] } as const;
const MODEL = { path: `${API_PREFIX}/models/{model_type}`, allow: ['GET', 'HEAD'] } as const;

const listRoute = createRoute({
  method: 'get',
  path: LIST.path,
  operationId: 'listModels',
  summary: 'List available models',
  description: curl(LIST.path),
  tags: ['models'],
  responses: {
    200: jsonAnswer(modelListSchema, 'Every available model.', modelListExamples, { links: ['getModel'] }),
    ...problemAnswers(LIST, []),
  },
});

const getRoute = createRoute({
  method: 'get',
  path: MODEL.path,
  operationId: 'getModel',
  summary: 'One model and its properties',
  description: curl(MODEL.path),
  tags: ['models'],
  request: {
    params: z.object({
      model_type: z.string().openapi({ description: 'The name of a model.', example: EXAMPLE.modelType }),
    }),
  },
  responses: {
    200: jsonAnswer(modelSchema, 'The model.', modelExamples),
    ...problemAnswers(MODEL, ['MODEL_NOT_FOUND', 'ROUTE_NOT_FOUND']),
  },
});

/** Registers the model routes. */
export function registerModels(app: OpenAPIHono<HttpEnv>, { catalog }: HttpServices): void {
  const isDefault = (name: string) => catalog.default()?.name === name;

  addRoute(app, listRoute, async (c) => {
    await catalog.refresh();
    return c.json({ models: catalog.list().map((model) => modelToWire(model, isDefault(model.name))) }, 200);
  });

  addRoute(app, getRoute, async (c) => {
    await catalog.refresh();
    const model = catalog.find(c.req.param('model_type'));
    if (!model) throw modelNotFound(catalog, c.req.param('model_type'));
    return c.json(modelToWire(model, isDefault(model.name)), 200);
  });
}

function modelNotFound(catalog: HttpServices['catalog'], asked: string): AppError {
  const valid = catalog.list().map((model) => model.name);
  const broken = catalog.unavailable().find((model) => model.name === asked);
  if (broken) {
    return new AppError('MODEL_NOT_FOUND', unavailability(broken.name, broken.reason), {
      details: { valid_model_types: valid },
    });
  }
  const shown = asked.slice(0, 80);
  const near = closest(asked, valid);
  const hint = near ? ` Did you mean "${near}"?` : '';
  return new AppError('MODEL_NOT_FOUND', `There is no model "${shown}".${hint} Valid: ${valid.join(', ')}.`, {
    details: { valid_model_types: valid },
  });
}
