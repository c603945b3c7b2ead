/** Layout of the file store. All storage keys are built here. */
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
