import { EXAMPLE, examplePath } from './exampleIds.ts';

/** An example request as the description of its operation shows it. `options` stand before the URL. */
export const curl = (path: string, options = '') =>
  `\`\`\`sh\ncurl ${options === '' ? '' : `${options} `}${EXAMPLE.server}${examplePath(path)}\n\`\`\``;
