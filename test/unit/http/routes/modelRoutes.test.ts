import { afterEach, beforeEach, expect, test } from 'vitest';
import type { UnavailableModel } from '../../../../src/models/catalog/modelCatalog.ts';
import { startHttpApp, type HttpApp } from '../../../support/httpApp.ts';
import { starterModel } from '../../../support/starterModel.ts';

const MODELS = [starterModel(), starterModel({ name: 'vocals' })];
const BROKEN: UnavailableModel = {
  name: 'broken',
  reason: 'its checkpoint is missing',
  listed: false,
  isDefault: false,
};
let app: HttpApp;
let refreshes: number;
let defaultModel: (typeof MODELS)[number] | null;

beforeEach(async () => {
  refreshes = 0;
  defaultModel = MODELS[0] ?? null;
  app = await startHttpApp({
    catalog: {
      refresh: () => {
        refreshes += 1;
        return Promise.resolve();
      },
      list: () => MODELS,
      unavailable: () => [BROKEN],
      default: () => defaultModel,
      find: (name) => MODELS.find((model) => model.name === name) ?? null,
    },
  });
});
afterEach(() => app.close());

const get = async (path: string) => {
  const answer = await app.ask(path);
  return { status: answer.status, body: await answer.json() };
};

test('every model that can be used is listed, the default marked, after a look at the files', async () => {
  expect(await get('/models')).toMatchObject({
    status: 200,
    body: {
      models: [
        { model_type: 'starter', default: true },
        { model_type: 'vocals', default: false },
      ],
    },
  });
  expect(refreshes).toBe(1);
});

test('where there is no default, none is marked', async () => {
  defaultModel = null;
  expect((await get('/models/starter')).body).toMatchObject({ default: false });
});

test.each([
  ['starter', true],
  ['vocals', false],
])('%s is given by itself, after a look at the files', async (name, isDefault) => {
  const model = { model_type: name, default: isDefault };
  expect(await get(`/models/${name}`)).toMatchObject({ status: 200, body: model });
  expect(refreshes).toBe(1);
});

test.each([
  ['statrer', 'There is no model "statrer". Did you mean "starter"? Valid: starter, vocals.'],
  ['x', 'There is no model "x". Valid: starter, vocals.'],
  ['y'.repeat(81), `There is no model "${'y'.repeat(80)}". Valid: starter, vocals.`],
  ['broken', 'The model "broken" is unavailable: its checkpoint is missing.'],
])('%s is not there, and the answer says what is', async (name, message) => {
  expect(await get(`/models/${name}`)).toMatchObject({
    status: 404,
    body: {
      error: { code: 'MODEL_NOT_FOUND', message, details: { valid_model_types: ['starter', 'vocals'] } },
    },
  });
});
