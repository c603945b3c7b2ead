import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readPickledTensors } from '../../../../../src/models/inspection/checkpoint/pickledTensors.ts';
import { makePickle } from '../../../../support/pickledTensors.ts';

const shapes = { 'a.weight': [2, 3, 1], 'a.bias': [2], scalar: [], große: [70_000] };
const asObject = (tensors: Awaited<ReturnType<typeof readPickledTensors>>) =>
  tensors && Object.fromEntries(tensors);
const pickled = (...pieces: (string | Buffer)[]) =>
  Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)));

/** Reads it, and counts how often others had their turn meanwhile. */
async function readBesideOthers(pickle: Buffer) {
  let turns = 0;
  const beat = setInterval(() => (turns += 1), 1);
  const tensors = await readPickledTensors(pickle);
  clearInterval(beat);
  return { tensors, turns };
}

test('names and shapes are read', async () => {
  expect(asObject(await readPickledTensors(makePickle(shapes)))).toEqual(shapes);
});

test('also where dicts are set one by one, memorized, or framed by a later protocol', async () => {
  const setOneByOne = pickled(
    '\x80\x02}',
    pickled('X\x01\x00\x00\x00a', 'cx\n_rebuild_tensor\n'),
    '(NK\x00',
    '(K\x02K\x03tt',
    'Rs.',
  );
  expect(asObject(await readPickledTensors(setOneByOne))).toEqual({ a: [2, 3] });
  const memorized = pickled('\x80\x02}(U\x01aq\x00cx\n_rebuild_tensor\n(NK\x00K\x07\x85tRq\x01U\x01bh\x01u.');
  expect(asObject(await readPickledTensors(memorized))).toEqual({ a: [7], b: [7] });
  const ofProtocol4 = pickled(
    '\x80\x04\x95' + '\x00'.repeat(8) + '}\x8c\x01a\x94\x8c\x0ctorch._utils\x8c\x12_rebuild_tensor_v2\x93',
    '(NK\x00M\x00\x02\x8a\x01\x05\x86N\x89Nt\x94Rs.',
  );
  expect(asObject(await readPickledTensors(ofProtocol4))).toEqual({ a: [512, 5] });
});

test('a parameter has the shape of its tensor', async () => {
  const tensor = 'cx\n_rebuild_tensor\n(NK\x00K\x07\x85tR';
  const parameter = pickled('\x80\x02}U\x01acx\n_rebuild_parameter\n(', tensor, '\x88NtRs.');
  expect(asObject(await readPickledTensors(parameter))).toEqual({ a: [7] });
});

test('what is no tensor is passed over, also a call of anything', async () => {
  const pickle = pickled(
    '\x80\x02}(U\x01acposix\nsystem\nU\x02id\x85RU\x01bK\x05U\x01c]U\x01d',
    Buffer.alloc(0),
    'NK\x01\x86u.',
  );
  expect(asObject(await readPickledTensors(pickle))).toEqual({});
});

test.each([
  ['an opcode that there is not', '\x80\x02\xff.'],
  ['a pickle of protocol 0', '(dp0\n.'],
  ['a stack that is empty', '\x80\x02R.'],
  ['a mark that is missing', '\x80\x02K\x01t.'],
  ['a memory of nothing', '\x80\x02h\x05.'],
  ['a text that is longer than the file', '\x80\x02X\xff\xff\xff\xffa.'],
  ['a text of 2^60 bytes', '\x80\x04\x8d\x00\x00\x00\x00\x00\x00\x00\x10a.'],
  ['a line without end', '\x80\x02cposix'],
  ['no end', '\x80\x02K\x01'],
  ['nothing', ''],
])('%s is not read', async (_, pickle) => {
  expect(await readPickledTensors(pickled(pickle))).toBeNull();
});

test('any bytes, and a pickle cut or with flipped bytes, end in an answer', async () => {
  const whole = makePickle(shapes);
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each)),
    fc.nat(whole.length).map((end) => whole.subarray(0, end)),
    fc.tuple(fc.nat(whole.length - 1), fc.nat(255)).map(([at, value]) => {
      const flipped = Buffer.from(whole);
      flipped[at] = value;
      return flipped;
    }),
  );
  await fc.assert(
    fc.asyncProperty(bytes, async (pickle) => {
      const tensors = await readPickledTensors(pickle);
      expect(tensors === null || tensors instanceof Map).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('a hundred thousand tensors leave the event loop to others', async () => {
  const tensors = Object.fromEntries(
    Array.from({ length: 900 }, (_, index) => [`layer.${String(index)}.weight`, [index, 2]]),
  );
  const one = makePickle(tensors);
  // Without its head and its end, so that they can stand in a row.
  const body = one.subarray(2, -1);
  const { tensors: read, turns } = await readBesideOthers(
    pickled('\x80\x02', ...Array.from({ length: 100 }, () => pickled(body, '0')), '}.'),
  );
  expect(read?.size).toBe(900);
  expect(turns).toBeGreaterThan(3);
});

test.each([
  ['empty tuples', ')'],
  ['empty texts', 'U\x00'],
  ['tuples in tuples', ')\x85'],
  ['marks', '('],
  ['things to remember', 'N\x940'],
])('16 MiB of %s end soon', async (_, piece) => {
  const begun = performance.now();
  await readPickledTensors(pickled('\x80\x02', Buffer.alloc(16 * 1024 * 1024, piece, 'latin1')));
  expect(performance.now() - begun).toBeLessThan(10_000);
});
