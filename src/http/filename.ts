const MAX_BYTES = 200;
const EXTENSION = /\.[A-Za-z0-9]{1,5}$/;

/**
 * A client's file name as we show it: its last part only, without control or direction characters, at most
 * 200 bytes of UTF-8. It is never used as a path.
 */
export function displayFilename(given: string): string {
  const last = given.split(/[/\\]/).at(-1) ?? '';
  const clean = last
    .normalize('NFC')
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '')
    .trim();
  const extension = EXTENSION.exec(clean)?.[0] ?? '';
  const base = clean.slice(0, clean.length - extension.length);
  const cut = cutToBytes(base, MAX_BYTES - Buffer.byteLength(extension)) + extension;
  return cut === '' || cut === '.' || cut === '..' ? 'audio' : cut;
}

/** The name a download is saved under: `<song>_<instrument>.<extension>`. */
export function downloadName(filename: string, instrument: string, format: string): string {
  const song = displayFilename(filename).replace(EXTENSION, '');
  const stem = `_${displayFilename(instrument.replace(/[/\\]/g, '_'))}.${format}`;
  // Of a long name the song gives way: the stems must stay apart.
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
