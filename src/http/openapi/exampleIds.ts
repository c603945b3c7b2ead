/** Values used in all examples of the documentation: one task for one song throughout. */
export const EXAMPLE = {
  taskId: '0b5c3f0e-8f0e-4a53-9d0d-4f8a1f6a2c11',
  requestId: '4f9b7c52-4c1c-4ac0-9d44-0b0c2f1f2b77',
  modelType: 'starter',
  filename: 'drums.wav',
  stemSha256: '5e'.repeat(32),
  stemBytes: 53_287_124,
  cursor: 'TsHmGx2c0kq8J5fWb1oPzw',
  server: 'http://localhost:8000',
} as const;

/** Fills in the example values of the parameters of a path. */
export function examplePath(path: string): string {
  return path
    .replace('{task_id}', EXAMPLE.taskId)
    .replace('{model_type}', EXAMPLE.modelType)
    .replace('{filename}', EXAMPLE.filename);
}

/** Formats an example request for the description of its operation. `options` go before the URL. */
export const curl = (path: string, options = '') =>
  `\`\`\`sh\ncurl ${options === '' ? '' : `${options} `}${EXAMPLE.server}${examplePath(path)}\n\`\`\``;
