/**
 * Numeric precision of a network. `fp32` is MSST's default; the others are faster and change the stems slightly.
 */
export const precisions = ['fp32', 'bf16', 'fp16'] as const;
export type Precision = (typeof precisions)[number];
