export const SERVER_POINTS: readonly string[];
export const WORKER_POINTS: readonly string[];
