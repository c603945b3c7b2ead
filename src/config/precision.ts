/** What a network may compute in. `fp32`: as MSST by itself. The others are faster, and change the stems a little. */
export const precisions = ['fp32', 'bf16', 'fp16'] as const;
export type Precision = (typeof precisions)[number];
