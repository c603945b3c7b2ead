import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPageCursors, CURSOR } from '../../../../src/http/routes/pageCursor.ts';

const cursors = createPageCursors(randomBytes(32));
const seq = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const owner = fc.option(fc.string());

test('a cursor gives back its place to its owner, and to nobody else', () => {
  fc.assert(
    fc.property(seq, owner, owner, (place, whose, other) => {
      const text = cursors.write(place, whose);
      expect(text).toMatch(CURSOR);
      expect(cursors.read(text, whose)).toBe(place);
      if (other !== whose) expect(cursors.read(text, other)).toBeUndefined();
      expect(createPageCursors(randomBytes(32)).read(text, whose)).toBeUndefined();
    }),
  );
});

test('what nobody was given is no cursor, however near it comes', () => {
  fc.assert(
    fc.property(
      seq,
      fc.nat(21),
      fc.base64String({ minLength: 4, maxLength: 4 }),
      (place, at, [letter = 'A']) => {
        const text = cursors.write(place, null);
        const other = text.slice(0, at) + letter.replace('+', '-').replace('/', '_') + text.slice(at + 1);
        if (other !== text) expect(cursors.read(other, null)).toBeUndefined();
      },
    ),
  );
  for (const text of ['', '1', '41', 'A'.repeat(21), 'A'.repeat(22), 'A'.repeat(23), '='.repeat(22)]) {
    expect(cursors.read(text, null)).toBeUndefined();
  }
});

test('cursors of places that follow each other have nothing in common that shows how far apart they are', () => {
  const letters = (text: string) => text.split('');
  const all = Array.from({ length: 200 }, (_, place) => cursors.write(place, 'ann'));
  expect(new Set(all).size).toBe(200);
  for (let at = 0; at < 22; at += 1) {
    // The last letter has two bits.
    const seen = new Set(all.map((text) => letters(text)[at]));
    expect(seen.size).toBeGreaterThanOrEqual(at === 21 ? 4 : 30);
  }
});
