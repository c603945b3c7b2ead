/** Where things lie in the file store: the one place that makes storage keys. */
export const layout = {
  uploads: 'inputs',
  results: 'results',
  scratch: 'tmp',
  input: (inputId: string) => `inputs/${inputId}`,
  upload: (inputId: string) => `inputs/${inputId}/upload`,
  mixture: (inputId: string, extension: string) => `inputs/${inputId}/mixture.${extension}`,
  task: (taskId: string) => `results/${taskId}`,
  attempt: (taskId: string, attempt: number) => `results/${taskId}/${String(attempt)}`,
  attemptScratch: (taskId: string, attempt: number) => `tmp/${taskId}.${String(attempt)}`,
} as const;
