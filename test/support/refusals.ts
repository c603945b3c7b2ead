import path from 'node:path';
import { expect } from 'vitest';
import { problemSchema } from '../../src/http/openapi/schemas.ts';
import type { RawAnswer } from './rawHttp.ts';

const projectRoot = path.resolve(import.meta.dirname, '../..');
/** What would tell a client of the server's insides. */
const INSIDES = /node_modules|Traceback|\bat (?:async )?[\w.<>]+ \(|\.[cm]?[jt]s:\d+|\bSQLITE/;

/** The statuses that a route declares; `templates` are paths of the OpenAPI document. */
export type DeclaredStatuses = (method: string, template: string) => number[];

/** Reads the statuses from a server's own OpenAPI document. */
export async function readDeclaredStatuses(baseUrl: string): Promise<DeclaredStatuses> {
  const document = (await (await fetch(`${baseUrl}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { responses: Record<string, unknown> }>>;
  };
  return (method, template) => {
    const operation = document.paths[template]?.[method.toLowerCase()];
    if (!operation) throw new Error(`the document has no ${method} ${template}`);
    return Object.keys(operation.responses).map(Number);
  };
}

/**
 * Holds a refusal to the one error shape: every field, one code, a sentence, nothing of the server's insides.
 *
 * @returns its code
 */
export function expectRefusal({ status, headers, body }: RawAnswer): string {
  expect(headers.get('content-type')).toBe('application/problem+json');
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  const problem = problemSchema.strict().parse(JSON.parse(body));
  expect(status).toBeGreaterThanOrEqual(400);
  expect(status).toBeLessThan(500);
  expect(problem.status).toBe(status);
  expect(headers.get('x-request-id')).toBe(problem.request_id);
  expect(problem.type).toBe(`/problems/${problem.error.code.toLowerCase()}`);
  expect(problem.title).not.toBe('');
  expect(problem.detail).toMatch(/\S.*[.!?]$/s);
  expect(problem.error.message).toBe(problem.detail);
  // The instance is the client's own path; everything else is our words, and what it sent as shown to it.
  const said = JSON.stringify({ ...problem, instance: '' });
  expect(said).not.toMatch(INSIDES);
  expect(said).not.toContain(projectRoot);
  return problem.error.code;
}
