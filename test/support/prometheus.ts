import { expect } from 'vitest';

const LABEL = String.raw`[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*"`;
const SAMPLE = new RegExp(String.raw`^([a-zA-Z_:][\w:]*)(?:\{(${LABEL}(?:,${LABEL})*)\})? (\S+)$`);

/** Every series of the text format with its value. @throws on a line that is none, and on a series given twice */
export function parseSamples(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  const kinds = new Map<string, string>();
  expect(text.endsWith('\n')).toBe(true);
  for (const line of text.trimEnd().split('\n')) {
    const kind = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram|summary)$/.exec(line);
    if (kind) kinds.set(kind[1] ?? '', kind[2] ?? '');
    if (line === '' || kind || /^# HELP [a-zA-Z_:][\w:]* \S/.test(line)) continue;
    const [, name = '', labels = '', value = ''] = SAMPLE.exec(line) ?? [];
    const family = kinds.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '');
    // An average of nothing is `Nan` in prom-client's writing, which scrapers read in any case.
    const isNumber = /^nan$/i.test(value) || (value !== '' && !Number.isNaN(Number(value)));
    if (!isNumber || !kinds.has(family)) throw new Error(`not a sample: ${line}`);
    const series = `${name}{${labels}}`;
    if (samples.has(series)) throw new Error(`twice: ${series}`);
    samples.set(series, Number(value));
  }
  return samples;
}
