import { wavHeader } from './wavHeader.mjs';

/**
 * A 16-bit stereo WAV of decaying tones and ticks: short, deterministic, and unlike silence to every decoder.
 *
 * @param seconds its length
 */
export function makeWav(seconds: number, sampleRate = 44_100): Buffer {
  const frames = Math.round(seconds * sampleRate);
  const file = Buffer.concat([wavHeader(frames, sampleRate), Buffer.alloc(frames * 4)]);
  for (let frame = 0; frame < frames; frame += 1) {
    const time = frame / sampleRate;
    const decay = 1 - (time % 0.5) / 0.5;
    const left = 0.4 * decay * Math.sin(2 * Math.PI * 220 * time);
    const right = 0.4 * decay * Math.sin(2 * Math.PI * 331 * time);
    file.writeInt16LE(Math.round(left * 32_767), 44 + frame * 4);
    file.writeInt16LE(Math.round(right * 32_767), 46 + frame * 4);
  }
  return file;
}
