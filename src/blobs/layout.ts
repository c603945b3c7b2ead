/** The keys of all blobs. */
export const layout = {
  uploads: 'inputs',
  results: 'results',
  input: (inputId: string) => `inputs/${inputId}`,
  task: (taskId: string) => `results/${taskId}`,
  attempt: (taskId: string, attempt: number) => `results/${taskId}/${String(attempt)}`,
} as const;
