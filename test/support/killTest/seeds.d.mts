/** What some runs did and found; see `seeds.mjs`. */
export interface Summary {
  seeds: number;
  lives: number;
  tasks: number;
  lost: number;
  doubled: number;
  orphans: number;
  strays: number;
  others: number;
  slowestChildMs: number;
  ends: Record<string, number>;
  kills: Record<string, number>;
  breaches: string[];
}

export function runSeeds(options: {
  first: number;
  count: number;
  atOnce: number;
  media: string;
  folder: string;
  onSeed?: (summary: Summary) => void;
}): Promise<Summary>;
