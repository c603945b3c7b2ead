const MAX_BYTES = 200;

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
  return cutToBytes(clean === '' || clean === '.' || clean === '..' ? 'audio' : clean);
}

/** The name a download is saved under: `<song>_<instrument>.<extension>`. */
export function downloadName(filename: string, instrument: string, format: string): string {
  const song = filename.replace(/\.[^.]{1,5}$/, '');
  return displayFilename(`${song}_${instrument.replace(/[/\\]/g, '_')}.${format}`);
}

function cutToBytes(text: string): string {
  if (Buffer.byteLength(text) <= MAX_BYTES) return text;
  const extension = /\.[^.]{1,5}$/.exec(text)?.[0] ?? '';
  let kept = '';
  for (const character of text.slice(0, text.length - extension.length)) {
    if (Buffer.byteLength(kept + character + extension) > MAX_BYTES) break;
    kept += character;
  }
  return kept + extension;
}
