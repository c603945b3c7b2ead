/** Where a server shows numbers: in the schemas and headers of its document, in its metrics, in its log. */
import type { OpenApiDocument } from './openApi.ts';

interface Node {
  type?: string;
  properties?: Record<string, Node>;
  items?: Node;
  allOf?: Node[];
}

/** Every numeric field of the document, as `Task.progress.percent`, and every header that holds a number. */
export function numbersOf({ components }: OpenApiDocument): string[] {
  const fields = (node: Node, name: string): string[] => [
    ...(node.type === 'integer' || node.type === 'number' ? [name] : []),
    ...Object.entries(node.properties ?? {}).flatMap(([key, inner]) => fields(inner, `${name}.${key}`)),
    ...[node.items ?? [], node.allOf ?? []].flat().flatMap((inner) => fields(inner, name)),
  ];
  return [
    ...Object.entries(components.schemas).flatMap(([name, schema]) => fields(schema, name)),
    ...Object.entries(components.headers).flatMap(([name, { schema }]) => fields(schema, `header ${name}`)),
  ];
}

/** The family that a series belongs to. */
export const familyOf = (series: string) => series.replace(/(_bucket|_sum|_count)?\{.*/, '');

/** The names of all numbers in a line of the log, without those that pino writes of itself. */
export function numbersIn(entry: Record<string, unknown>, of = ''): string[] {
  return Object.entries(entry).flatMap(([key, value]) => {
    if (of === '' && key === 'level') return [];
    if (typeof value === 'number') return [of + key];
    return value !== null && typeof value === 'object' && key !== 'err'
      ? numbersIn(value as Record<string, unknown>, `${of}${key}.`)
      : [];
  });
}
