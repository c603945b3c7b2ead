import { afterAll, beforeAll, expect, test } from 'vitest';
import { appRoutes } from '../support/appRoutes.ts';
import {
  fetchDocument,
  operationsOf,
  type Answer,
  type OpenApiDocument,
  type Operation,
} from '../support/openApi.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';

let server: TestServer;
let document: OpenApiDocument;

beforeAll(async () => {
  server = await startTestServer();
  document = await fetchDocument(server.url);
});
afterAll(() => server.dispose());

test('Property 25: every route of the app is documented, each with an example of its request and of every answer, every parameter with type, meaning and need, and every status with its meaning', () => {
  expect(document.openapi).toMatch(/^3\.0\./);
  const operations = operationsOf(document);
  const documented = operations.map(({ method, path }) => `${method} ${path}`);
  // Of a HEAD only that of a download is told: elsewhere it says no more than HTTP does.
  expect(documented.filter((each) => !each.startsWith('HEAD ')).sort()).toEqual(routesOfTheApp());
  expect(documented).toContain('HEAD /api/v1/download/{task_id}/{filename}');

  const missing = operations.flatMap(({ method, path, operation }) =>
    [...missingOfRequest(operation, path), ...missingOfAnswers(operation, method)].map(
      (what) => `${method} ${path}: ${what}`,
    ),
  );
  expect(missing).toEqual([]);
});

/** The routes below the prefix, as the router itself has them; the same without it or with a slash more, and assets, are no API. */
function routesOfTheApp(): string[] {
  const all = appRoutes();
  const isAgain = (path: string) => path.endsWith('/') && all.some((other) => `${other.path}/` === path);
  const routes = all.filter(
    ({ method, path }) => method !== 'ALL' && path.startsWith('/api/v1/') && !isAgain(path),
  );
  return [
    ...new Set(routes.map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)),
  ].sort();
}

function missingOfRequest({ description, summary, parameters = [], requestBody }: Operation, path: string) {
  const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
  const documented = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
  const form = requestBody?.content['multipart/form-data'];
  return [
    ...(summary ? [] : ['a summary']),
    ...(description.includes('```sh\ncurl ') ? [] : ['an example request']),
    ...named.filter((name) => !documented.includes(name!)).map((name) => `the parameter ${name!}`),
    ...parameters.flatMap((parameter) => [
      ...(parameter.description ? [] : [`what ${parameter.name} means`]),
      ...(parameter.schema.type ? [] : [`the type of ${parameter.name}`]),
      ...(typeof parameter.required === 'boolean' ? [] : [`whether ${parameter.name} is needed`]),
      ...((parameter.example ?? parameter.schema.example) === undefined
        ? [`an example of ${parameter.name}`]
        : []),
    ]),
    ...(requestBody === undefined || Object.keys(form?.examples ?? {}).length > 0 ? [] : ['an example body']),
    ...(form === undefined || form.schema.required?.includes('file') ? [] : ['that `file` is needed']),
    ...Object.entries(form?.schema.properties ?? {}).flatMap(([name, field]) => [
      ...(field.description ? [] : [`what ${name} means`]),
      ...(field.type ? [] : [`the type of ${name}`]),
      ...(field.example !== undefined || name === 'file' ? [] : [`an example of ${name}`]),
    ]),
  ];
}

function missingOfAnswers({ responses }: Operation, method: string): string[] {
  const statuses = Object.keys(responses);
  return [
    ...['400', '403', '405', '500']
      .filter((status) => !statuses.includes(status))
      .map((status) => `${status}, which any route may answer`),
    ...(statuses.some((status) => status < '400') ? [] : ['an answer that is no error']),
    ...Object.entries(responses).flatMap(([status, answer]) =>
      missingOfAnswer(answer, method === 'HEAD' || ['204', '304'].includes(status)).map(
        (what) => `${what} of ${status}`,
      ),
    ),
  ];
}

function missingOfAnswer({ description, headers, content }: Answer, isBodyless: boolean): string[] {
  const bodies = Object.entries(content ?? {});
  return [
    ...(description ? [] : ['the meaning']),
    ...(headers?.['X-Request-Id'] ? [] : ['the request id']),
    ...(isBodyless === (bodies.length === 0) ? [] : ['the body']),
    ...bodies
      .filter(([, { examples }]) => Object.keys(examples ?? {}).length === 0)
      .map(([type]) => `an example (${type})`),
  ];
}
