import { expect, test } from 'vitest';
import { createPathReader } from '../../../../src/http/request/publicPath.ts';

const read = (publicUrl: string, path: string) =>
  createPathReader(publicUrl)(new Request(`http://127.0.0.1${path}`));

test.each([
  ['/stems', '/'],
  ['/stems/', '/'],
  ['/', '/'],
  ['/stems/docs', '/docs'],
  ['/docs', '/docs'],
  ['/stems/docs/', '/docs/'],
  ['/stems/docs/swagger-ui/swagger-ui.css', '/docs/swagger-ui/swagger-ui.css'],
  ['/stems/openapi.json?x=1', '/openapi.json'],
  ['/stems/api/v1/tasks/a', '/api/v1/tasks/a'],
  ['/api/v1/tasks/a', '/api/v1/tasks/a'],
  // Not below it, or nothing of ours.
  ['/stemsdocs', '/stemsdocs'],
  ['/stems/docsx', '/stems/docsx'],
  ['/stems//docs', '/stems//docs'],
  ['/stems/stems/docs', '/stems/stems/docs'],
  ['/other/docs', '/other/docs'],
])('below /stems, %s is %s', (path, expected) => {
  for (const publicUrl of ['https://host/stems', 'https://host/stems/']) {
    expect(read(publicUrl, path)).toBe(expected);
  }
});

test.each([
  ['/api/v1/tasks', '/api/v1/tasks'],
  ['/api/api/v1/tasks', '/api/v1/tasks'],
  ['/api/docs', '/docs'],
])('below /api, which our own paths begin with, %s is %s', (path, expected) => {
  expect(read('https://host/api', path)).toBe(expected);
});

test.each(['', 'https://host', 'https://host/'])(
  'with the host to itself (%j) a path is as it came',
  (url) => {
    for (const path of ['/', '/docs', '/stems/docs']) expect(read(url, path)).toBe(path);
  },
);
