const MAX_BYTES = 200;
/**
 * Format characters that belong to the spelling: joiners after a letter, its marks or an emoji; tags in a flag
 * emoji.
 */
const SPELLING =
  /(?<=[\p{L}\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}])[\u200C\u200D]|(?<=\u{1F3F4}[\u{E0030}-\u{E007A}]{0,6})[\u{E0030}-\u{E007F}]/u;
/**
 * Characters that are invisible or change the text direction. Some Arabic and Kaithi format characters are
 * visible.
 */
const HIDDEN =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|(?![\u0600-\u0605\u06DD\u070F\u0890\u0891\u08E2\u{110BD}\u{110CD}])\p{Cf}/u;
const HIDDEN_UNLESS_SPELLING = new RegExp(`(${SPELLING.source})|${HIDDEN.source}`, 'gu');
const EXTENSION = /\.[A-Za-z0-9]{1,5}$/;

/**
 * Returns a client's file name for display: its last path component only, without control or direction characters,
 * at most 200 bytes of UTF-8. It is never used as a path.
 */
export function displayFilename(given: string): string {
  const last = given.split(/[/\\]/).at(-1) ?? '';
  const clean = last.replace(HIDDEN_UNLESS_SPELLING, '$1').normalize('NFC').trim();
  const extension = EXTENSION.exec(clean)?.[0] ?? '';
  const base = clean.slice(0, clean.length - extension.length);
  const cut = cutToBytes(base, MAX_BYTES - Buffer.byteLength(extension)) + extension;
  return cut === '' || cut === '.' || cut === '..' ? 'audio' : cut;
}

/** The name a download is saved under: `<song>_<instrument>.<extension>`. */
export function downloadName(filename: string, instrument: string, format: string): string {
  const song = displayFilename(filename).replace(EXTENSION, '');
  const stem = `_${displayFilename(instrument.replace(/[/\\]/g, '_'))}.${format}`;
  // A long name is cut in the song's part: the names of the stems must stay distinct.
  return displayFilename(cutToBytes(song, MAX_BYTES - Buffer.byteLength(stem)) + stem);
}

function cutToBytes(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  let kept = '';
  for (const character of text) {
    if (Buffer.byteLength(kept + character) > maxBytes) break;
    kept += character;
  }
  return kept.trimEnd();
}
