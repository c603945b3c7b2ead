import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { healthSchema, modelListSchema, type modelSchema } from '../../src/http/openapi/schemas.ts';
import { ARCHITECTURES } from '../../src/models/inspection/architecture.ts';
import { call, form, parseProblem } from '../support/client.ts';
import {
  checkpointPathOf,
  configPathOf,
  generatedModels,
  isUnavailable,
  isUsable,
  layOut,
  type GeneratedModel,
} from '../support/modelFolders.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

// Every run starts servers and workers, which takes its time beside other tests.
vi.setConfig({ testTimeout: 90_000 });

type WireModel = z.output<typeof modelSchema>;

let root = '';
beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-models-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Runs the body against a server that found these models, beside the project's own. */
async function withModels(
  models: readonly GeneratedModel[],
  body: (server: TestServer) => Promise<void>,
  settings: Record<string, unknown> = {},
): Promise<void> {
  await layOut(root, models);
  const server = await startTestServer({ msst_root: root, log_file: 'server.log', ...settings });
  try {
    await body(server);
  } finally {
    await server.dispose();
  }
}

const api = ({ url }: TestServer, at: string) => `${url}/api/v1${at}`;
const listOf = async (server: TestServer): Promise<WireModel[]> =>
  modelListSchema.parse((await call(api(server, '/models'))).body).models;
const namesOf = async (server: TestServer) => (await listOf(server)).map((each) => each.model_type).sort();
const usableNames = (models: readonly GeneratedModel[]) =>
  ['starter', ...models.filter(isUsable).map(({ name }) => name)].sort();

/** What the API must say of a usable model. */
const described = (model: GeneratedModel): WireModel => ({
  model_type: model.name,
  architecture: model.architecture,
  config_path: configPathOf(model),
  checkpoint_path: checkpointPathOf(model),
  instruments: model.instruments,
  target_instrument: model.target,
  sample_rate: model.sampleRate,
  stereo: model.channels === 2,
  default: false,
  precision: 'fp32',
  compile: false,
  description: null,
  licence: null,
});

test('Property 50: the list names exactly the models that can be used, with the paths of their configurations', async () => {
  await fc.assert(
    fc.asyncProperty(generatedModels(), async (models) => {
      await withModels(models, async (server) => {
        const listed = await listOf(server);
        expect(listed.map((each) => each.model_type).sort()).toEqual(usableNames(models));
        for (const model of models.filter(isUsable)) {
          expect(listed.find((each) => each.model_type === model.name)).toMatchObject({
            config_path: configPathOf(model),
            checkpoint_path: checkpointPathOf(model),
          });
        }
      });
    }),
    { numRuns: 4, endOnFailure: true },
  );
});

test('Property 51: the details of a model are its instruments, sample rate and channels, as its YAML says', async () => {
  await fc.assert(
    fc.asyncProperty(generatedModels(['whole', 'tagged'], 8), async (models) => {
      await withModels(models, async (server) => {
        for (const model of models) {
          const { status, body } = await call(api(server, `/models/${model.name}`));
          expect([status, body]).toEqual([200, described(model)]);
          expect(await listOf(server)).toContainEqual(body);
        }
      });
    }),
    { numRuns: 3, endOnFailure: true },
  );
});

test('Property 52: a model that does not exist is 404 and listed are those that do', async () => {
  const [models = []] = fc.sample(generatedModels(), { numRuns: 1, seed: 52 });
  await withModels(models, async (server) => {
    const known = [...usableNames(models), ...ARCHITECTURES, ...models.map((each) => each.architecture)];
    const name = fc
      .oneof(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
        fc.constantFrom(
          '../starter',
          'starter ',
          'starter\0',
          '__proto__',
          'constructor',
          'starter.ckpt',
          '%',
          '*',
        ),
        fc.constantFrom(...usableNames(models)).map((each) => `${each}x`),
        fc.constantFrom(...models.filter((each) => !isUsable(each)).map((each) => each.name)),
      )
      // A path of dots alone is another path to every client.
      .filter((each) => !known.includes(each.toLowerCase()) && !/^\.{1,2}$/.test(each));
    await fc.assert(
      fc.asyncProperty(name, async (each) => {
        const { status, body } = await call(api(server, `/models/${encodeURIComponent(each)}`));
        const problem = parseProblem(body);
        expect([status, problem.error.code]).toEqual([404, 'MODEL_NOT_FOUND']);
        expect([...(problem.error.details.valid_model_types ?? [])].sort()).toEqual(usableNames(models));
        expect(JSON.stringify(body)).not.toContain(root);
      }),
      { numRuns: 60 },
    );
  });
});

/** Said of a model whose architecture only a fork may have; it can be used all the same. */
const IN_DOUBT = 'the architecture of a model is uncertain';

test('Property 53: at the start every model is looked at: the log says of each whether it can be used, and health counts them', async () => {
  await fc.assert(
    fc.asyncProperty(generatedModels(), async (models) => {
      await withModels(models, async (server) => {
        const log = await readFile(path.join(server.dataDir, 'server.log'), 'utf8');
        const lines = log.trimEnd().split('\n');
        const linesAbout = (model: GeneratedModel, level: number) => {
          const file = path.join(
            root,
            model.kind === 'checkpoint alone' ? checkpointPathOf(model) : configPathOf(model),
          );
          return lines.filter(
            (line) => line.includes(`"level":${String(level)}`) && line.includes(JSON.stringify(file)),
          );
        };
        for (const model of models) {
          expect([model, linesAbout(model, 30).length]).toEqual([model, isUsable(model) ? 1 : 0]);
          const warnings = linesAbout(model, 40).filter((line) => !line.includes(IN_DOUBT));
          expect([model, warnings.length > 0]).toEqual([model, !isUsable(model)]);
        }
        const health = healthSchema.parse((await call(api(server, '/health'))).body);
        expect(health.dependencies.models.available).toBe(1 + models.filter(isUsable).length);
        expect(health.dependencies.models.unavailable.map((each) => each.model_type).sort()).toEqual(
          models
            .filter(isUnavailable)
            .map(({ name }) => name)
            .sort(),
        );
      });
    }),
    { numRuns: 3, endOnFailure: true },
  );
});

test('Property 54: a model whose checkpoint is missing is warned about and left out, at start and later, and the others work', async () => {
  const song = makeWav(0.2, 8000);
  const submissionTo = async (server: TestServer, name: string) => {
    const body = form({ model_type: name }, { bytes: song });
    const answer = await call(api(server, '/separate'), { method: 'POST', body });
    return [answer.status, answer.status === 201 ? null : parseProblem(answer.body).error.code];
  };
  const warnedOf = async (server: TestServer, name: string) => {
    const log = await readFile(path.join(server.dataDir, 'server.log'), 'utf8');
    const told = z.looseObject({
      level: z.number(),
      model: z.string().optional(),
      reason: z.string().optional(),
      msg: z.string(),
    });
    return log
      .trimEnd()
      .split('\n')
      .map((line) => told.parse(JSON.parse(line)))
      .filter(({ level, model, msg }) => level === 40 && model === name && msg !== IN_DOUBT)
      .map(({ reason }) => reason);
  };
  const situation = generatedModels(['whole', 'tagged'], 3).chain((models) =>
    fc.record({
      models: fc.constant(models),
      goneAtStart: fc.subarray(models.slice(0, 2)),
      goneLater: fc.subarray(models.slice(2), { minLength: 1 }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(situation, async ({ models, goneAtStart, goneLater }) => {
      const missing = models.map((each) => ({
        ...each,
        kind: goneAtStart.includes(each) ? ('without checkpoint' as const) : each.kind,
      }));
      // The configuration names those itself: the scan would not know of a model without its checkpoint.
      const listed = goneAtStart.map((each) => ({
        name: each.name,
        config_path: path.join(root, configPathOf(each)),
        checkpoint_path: path.join(root, checkpointPathOf(each)),
      }));
      await withModels(
        missing,
        async (server) => {
          expect(await namesOf(server)).toEqual(usableNames(missing));
          for (const { name } of goneAtStart)
            expect(await warnedOf(server, name)).toEqual(['its checkpoint is missing']);

          const files = goneLater.map((each) => path.join(root, checkpointPathOf(each)));
          for (const file of files) await rename(file, `${file}.away`);
          const left = missing.filter((each) => !goneLater.some(({ name }) => name === each.name));
          expect(await namesOf(server)).toEqual(usableNames(left));
          for (const { name } of goneLater)
            expect(await warnedOf(server, name)).toEqual(['its checkpoint is missing']);
          for (const { name } of [...goneAtStart, ...goneLater]) {
            expect((await call(api(server, `/models/${name}`))).status).toBe(404);
            expect(await submissionTo(server, name)).toEqual([500, 'MODEL_UNAVAILABLE']);
          }
          for (const name of usableNames(left)) expect(await submissionTo(server, name)).toEqual([201, null]);

          for (const file of files) await rename(`${file}.away`, file);
          expect(await namesOf(server)).toEqual(usableNames(missing));
        },
        { models: listed },
      );
    }),
    { numRuns: 3, endOnFailure: true },
  );
});
