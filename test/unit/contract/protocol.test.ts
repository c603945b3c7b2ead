import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  failureDataSchema,
  heartbeatSchema,
  holdingSchema,
  initializeParamsSchema,
  loadParamsSchema,
  loadResultSchema,
  logSchema,
  mediaReadySchema,
  PROTOCOL_VERSION,
  prepareSchema,
  probeParamsSchema,
  probeResultSchema,
  progressSchema,
  REQUEST_FAILED,
  separateParamsSchema,
  separateResultSchema,
  stageParamsSchema,
  stageResultSchema,
  unloadParamsSchema,
  unloadResultSchema,
  workerReadySchema,
} from '../../../src/contract/protocol.ts';

const folder = path.resolve(import.meta.dirname, '../../fixtures/protocol');
const names = readdirSync(folder).filter((name) => name.endsWith('.json'));

const fixtureSchema = z.strictObject({
  direction: z.enum(['to_child', 'to_node']),
  kind: z.enum(['request', 'result', 'error', 'notification']),
  method: z.string(),
  message: z.strictObject({
    jsonrpc: z.literal('2.0'),
    id: z.int().optional(),
    method: z.string().optional(),
    params: z.unknown().optional(),
    result: z.unknown().optional(),
    error: z.strictObject({ code: z.int(), message: z.string(), data: z.unknown() }).optional(),
  }),
});

/** The schema of each message, by the name of its example; a new one needs both. */
const SCHEMAS: Record<string, z.ZodType> = {
  'cancel.notification': z.object({ id: z.int() }),
  'heartbeat.notification': heartbeatSchema,
  'holding.notification': holdingSchema,
  'initialize.media.request': initializeParamsSchema,
  'initialize.media.result': mediaReadySchema,
  'initialize.worker.request': initializeParamsSchema,
  'initialize.worker.result': workerReadySchema,
  'load.error': failureDataSchema,
  'load.request': loadParamsSchema,
  'load.result': loadResultSchema,
  'log.notification': logSchema,
  'prepare.notification': prepareSchema,
  'probe.error': failureDataSchema,
  'probe.request': probeParamsSchema,
  'probe.result': probeResultSchema,
  'progress.notification': progressSchema,
  'separate.error': failureDataSchema,
  'separate.request': separateParamsSchema,
  'separate.result': separateResultSchema,
  'shutdown.request': z.strictObject({}),
  'shutdown.result': z.null(),
  'stage.request': stageParamsSchema,
  'stage.result': stageResultSchema,
  'unload.request': unloadParamsSchema,
  'unload.result': unloadResultSchema,
};

function readFixture(name: string) {
  return fixtureSchema.parse(JSON.parse(readFileSync(path.join(folder, name), 'utf8')));
}

function payloadOf({ kind, message }: ReturnType<typeof readFixture>): unknown {
  if (kind === 'error') return message.error?.data;
  return kind === 'result' ? message.result : message.params;
}

test('every message has an example, and every example a schema', () => {
  expect(names.map((name) => path.basename(name, '.json')).sort()).toEqual(Object.keys(SCHEMAS).sort());
});

describe.each(names)('%s', (name) => {
  const fixture = readFixture(name);
  const schema = SCHEMAS[path.basename(name, '.json')] ?? z.never();

  test('survives its schema without losing a field', () => {
    expect(schema.parse(payloadOf(fixture))).toEqual(payloadOf(fixture));
  });

  test('is a message of its kind', () => {
    const { message, kind, method } = fixture;
    expect(message.id !== undefined).toBe(kind !== 'notification');
    expect(message.method).toBe(kind === 'request' || kind === 'notification' ? method : undefined);
    if (kind === 'error') expect(message.error?.code).toBe(REQUEST_FAILED);
  });

  test('loses no required field unnoticed', () => {
    const payload = payloadOf(fixture);
    if (typeof payload !== 'object' || payload === null) return;
    for (const key of Object.keys(payload)) {
      const { [key]: _left, ...rest } = payload as Record<string, unknown>;
      expect(schema.safeParse(rest).success, key).toBe(false);
    }
  });
});

test('the examples speak this version of the protocol', () => {
  for (const name of names.filter((each) => each.startsWith('initialize.'))) {
    expect(payloadOf(readFixture(name))).toMatchObject({ protocol_version: PROTOCOL_VERSION });
  }
});
