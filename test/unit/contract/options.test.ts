import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { expect, test } from 'vitest';
import {
  makeOptions,
  OPTIONS,
  optionNames,
  optionsToWire,
  type Option,
} from '../../../src/contract/options.ts';
import { mediaPython } from '../../support/python.ts';

const projectRoot = path.resolve(import.meta.dirname, '../../..');

/** The fields of Python's dataclass, each with its type as it is written there, its literals spelled out. */
function fieldsInPython(): [string, string][] {
  const script = [
    'import json, sys, typing',
    'from dataclasses import fields',
    'from python_worker import protocol',
    'named = {name: getattr(protocol, name) for name in ("OutputFormat", "PcmType")}',
    'spelled = lambda type: "|".join(typing.get_args(named[type])) if type in named else type',
    'json.dump([[field.name, spelled(field.type)] for field in fields(protocol.SeparateOptions)], sys.stdout)',
  ].join('\n');
  const output = execFileSync(mediaPython, ['-c', script], { cwd: projectRoot, encoding: 'utf8' });
  return JSON.parse(output) as [string, string][];
}

/** The type that a worker must declare for an option. */
function typeInPython(option: Option): string {
  switch (option.kind) {
    case 'names':
      return 'list[str]';
    case 'flag':
      return 'bool';
    case 'choice':
      return option.values.join('|');
    case 'whole':
      return option.fallback === null ? 'Positive | None' : 'Positive';
  }
}

test('a worker knows every option of the table, by the same name and type', () => {
  expect(fieldsInPython()).toEqual(optionNames.map((name) => [name, typeInPython(OPTIONS[name])]));
});

test('an option keeps its value between its two names', () => {
  const valueOf = (name: string) => `value of ${name}` as never;
  expect(optionsToWire(makeOptions(valueOf))).toEqual(
    Object.fromEntries(optionNames.map((name) => [name, valueOf(name)])),
  );
});
