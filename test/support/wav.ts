/**
 * A 16-bit stereo WAV of decaying tones and ticks: short, deterministic, and unlike silence to every decoder.
 *
 * @param seconds its length
 */
export function makeWav(seconds: number, sampleRate = 44_100): Buffer {
  const frames = Math.round(seconds * sampleRate);
  const dataBytes = frames * 4;
  const file = Buffer.alloc(44 + dataBytes);
  file.write('RIFF', 0);
  file.writeUInt32LE(36 + dataBytes, 4);
  file.write('WAVEfmt ', 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(2, 22);
  file.writeUInt32LE(sampleRate, 24);
  file.writeUInt32LE(sampleRate * 4, 28);
  file.writeUInt16LE(4, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36);
  file.writeUInt32LE(dataBytes, 40);
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
