import fc from 'fast-check';

/** What is in a PCM WAV file. */
export interface AnyWav {
  rate: number;
  channels: number;
  bits: number;
  frames: number;
}

/** Any WAV that is sound: of every rate, shape and sample size that is taken, at most 32 kB long. */
export const anyWav: fc.Arbitrary<AnyWav> = fc.record({
  rate: fc.oneof(
    fc.constantFrom(8000, 22_050, 44_100, 48_000, 192_000),
    fc.integer({ min: 1000, max: 768_000 }),
  ),
  channels: fc.integer({ min: 1, max: 8 }),
  bits: fc.constantFrom(8, 16, 24, 32),
  frames: fc.oneof(fc.constantFrom(1, 1000), fc.integer({ min: 1, max: 1000 })),
});

/** The file itself. */
export function writeWav({ rate, channels, bits, frames }: AnyWav): Buffer {
  const frameBytes = (channels * bits) / 8;
  const data = Buffer.alloc(frames * frameBytes);
  // A ramp that starts anew at every multiple of a prime: never silent, and cheap.
  for (let at = 0; at < data.length; at += 1) data[at] = (at * 31) % 251;
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + data.length, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(channels, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate * frameBytes, 28);
  head.writeUInt16LE(frameBytes, 32);
  head.writeUInt16LE(bits, 34);
  head.write('data', 36);
  head.writeUInt32LE(data.length, 40);
  return Buffer.concat([head, data]);
}
