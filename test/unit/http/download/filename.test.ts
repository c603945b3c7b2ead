import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { displayFilename, downloadName } from '../../../../src/http/download/filename.ts';

// Everything that could end a path or a header, or turn the rest of a line around.
const FORBIDDEN =
  /[/\\\p{Cc}\p{Bidi_Control}\u00AD\u2060\uFEFF\p{Cs}\p{Zl}\p{Zp}]|^[\u200C\u200D]|[\u200C\u200D]{2}/u;

describe('a file name as it is shown', () => {
  test.each([
    ['song.mp3', 'song.mp3'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\Music\\song.mp3', 'song.mp3'],
    ['..', 'audio'],
    ['.', 'audio'],
    ['', 'audio'],
    ['a/', 'audio'],
    ['..\u0000', 'audio'],
    ['so\nng\r.mp3', 'song.mp3'],
    ['nul\u0000l.wav', 'null.wav'],
    ['abc\u202Egpj.mp3', 'abcgpj.mp3'],
    ['line\u2028sep.wav', 'linesep.wav'],
    ['"quoted"; x=1.wav', '"quoted"; x=1.wav'],
    ['  spaced .wav ', 'spaced .wav'],
    ['müsik 🎵.flac', 'müsik 🎵.flac'],
    ['mu\u0308sik.wav', 'müsik.wav'],
    ['half \uD83C.wav', 'half .wav'],
    // Persian, Sinhala, an old chillu of Malayalam, a family, a woman on a spacecraft, the flag of Scotland.
    ['می\u200Cخواهم.mp3', 'می\u200Cخواهم.mp3'],
    ['ශ්\u200Dරී.mp3', 'ශ්\u200Dරී.mp3'],
    ['അവന്\u200D.mp3', 'അവന്\u200D.mp3'],
    ['👨\u200D👩\u200D👧.wav', '👨\u200D👩\u200D👧.wav'],
    ['👩🏽\u200D🚀 ❤️\u200D🔥.wav', '👩🏽\u200D🚀 ❤️\u200D🔥.wav'],
    [
      '\u{1F3F4}\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}.wav',
      '\u{1F3F4}\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}.wav',
    ],
    ['سورة \u06DD.mp3', 'سورة \u06DD.mp3'],
    // Where they spell nothing they only make names look alike.
    ['\u200Dsong \u200C1\u200D\u200D.mp3', 'song 1.mp3'],
    ['a\u200D\u200D\u200Cb.mp3', 'a\u200Db.mp3'],
    ['\u200B\u2060\uFEFFso\u00ADng\u{E0041}.mp3', 'song.mp3'],
    ['\u200C\u200D', 'audio'],
  ])('%j becomes %j', (given, shown) => {
    expect(displayFilename(given)).toBe(shown);
  });

  test('of 300 characters is cut and keeps its extension', () => {
    expect(displayFilename(`${'a'.repeat(300)}.flac`)).toBe(`${'a'.repeat(195)}.flac`);
  });

  test('is cut between characters, never within one', () => {
    const shown = displayFilename(`${'🎵'.repeat(100)}.mp3`);
    expect(shown).toBe(`${'🎵'.repeat(49)}.mp3`);
  });
});

describe('the name of a download', () => {
  test.each([
    ['song.mp3', 'vocals', 'wav', 'song_vocals.wav'],
    ['no extension', 'bass', 'flac', 'no extension_bass.flac'],
    ['two.dots.m4a', 'other', 'wav', 'two.dots_other.wav'],
    ['song.wav', '../x', 'wav', 'song_.._x.wav'],
    ['Mr. Blue', 'vocals', 'wav', 'Mr. Blue_vocals.wav'],
  ])('of %j, %s, %s is %j', (filename, instrument, format, name) => {
    expect(downloadName(filename, instrument, format)).toBe(name);
  });

  test('tells the stems of a song with a long name apart', () => {
    const long = displayFilename(`${'长'.repeat(300)}.mp3`);
    const names = ['vocals', 'drums'].map((instrument) => downloadName(long, instrument, 'wav'));
    expect(names[0]).toMatch(/_vocals\.wav$/);
    expect(names[1]).toMatch(/_drums\.wav$/);
  });
});

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 400 }),
  fc.string({
    unit: fc.constantFrom(
      '.',
      '/',
      '\\',
      'a',
      '\n',
      '\0',
      '🎵',
      '\u202E',
      '\u200D',
      '\u0301',
      '"',
      ' ',
      '\uDC00',
    ),
    maxLength: 400,
  }),
);

test('no name, however hostile, keeps a separator or a control character, or is longer than 200 bytes', () => {
  fc.assert(
    fc.property(hostile, hostile, (filename, instrument) => {
      for (const name of [displayFilename(filename), downloadName(filename, instrument, 'wav')]) {
        expect(name).not.toMatch(FORBIDDEN);
        expect(['', '.', '..']).not.toContain(name);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(200);
        expect(Buffer.from(name).toString()).toBe(name);
      }
    }),
    { numRuns: 500 },
  );
});

test('a shown name is shown as it is: doing it twice changes nothing', () => {
  fc.assert(
    fc.property(hostile, (filename) => {
      const once = displayFilename(filename);
      expect(displayFilename(once)).toBe(once);
    }),
    { numRuns: 200 },
  );
});
