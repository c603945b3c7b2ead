import { z, type OpenAPIHono } from '@hono/zod-openapi';
import type { HttpEnv } from '../request/env.ts';
import { API_PREFIX } from '../request/publicPath.ts';
import { emptyAnswer, jsonAnswer, textContent } from './answers.ts';
import { curl } from './exampleIds.ts';
import { problemAnswers } from './problemAnswers.ts';

const DOCUMENT = { path: `${API_PREFIX}/openapi.json`, allow: ['GET', 'HEAD'] } as const;
const PAGE = { path: `${API_PREFIX}/docs`, allow: ['GET', 'HEAD'] } as const;
const isOpen = true;

const documentSchema = z
  .object({
    openapi: z.string().openapi({ description: 'The version of OpenAPI.' }),
    info: z.object({ title: z.string(), version: z.string() }),
    paths: z.object({}).openapi({ description: 'Every operation.' }),
  })
  .openapi('OpenApiDocument');

/** Documents the routes of the OpenAPI document itself and of the page that shows it. */
export function registerDocumentPaths(app: OpenAPIHono<HttpEnv>): void {
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: DOCUMENT.path,
    operationId: 'getOpenApiDocument',
    summary: 'This documentation as an OpenAPI document',
    description: `Also at \`/openapi.json\`.\n\n${curl(DOCUMENT.path)}`,
    tags: ['documents'],
    security: [],
    responses: {
      200: jsonAnswer(documentSchema, 'An OpenAPI 3.0 document.', {
        its_beginning: { openapi: '3.0.3', info: { title: 'msst-serve', version: '0.1.0' }, paths: {} },
      }),
      ...problemAnswers(DOCUMENT, [], { isOpen }),
    },
  });
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: PAGE.path,
    operationId: 'getDocsPage',
    summary: 'This documentation as a web page',
    description: `Also at \`/docs\`. It loads nothing from other servers.\n\n${curl(PAGE.path)}`,
    tags: ['documents'],
    security: [],
    responses: {
      200: {
        ...emptyAnswer('The page.'),
        content: { 'text/html': textContent('A page that shows this document.', '<!doctype html>…') },
      },
      ...problemAnswers(PAGE, [], { isOpen }),
    },
  });
}
