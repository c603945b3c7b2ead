export function wavHeader(frames: number, sampleRate: number): Buffer;
