/**
 * Leaves out the words of a log line: they are for a human reader, and a test of them would only repeat them. Whether
 * the line is written, at which level and with which facts, is still planted with bugs.
 */

/** @typedef {{ type: string, node: Node, parent?: Node, key?: unknown }} Path Babel's, as far as it is needed */
/** @typedef {{ type: string, callee?: Node, object?: Node, property?: Node, name?: string, arguments?: Node[] }} Node */

const words = new Set(['StringLiteral', 'TemplateLiteral']);

/** @param {Node | undefined} node whether it is `log` or something's `log` */
const isLog = (node) =>
  node?.name === 'log' || (node?.type === 'MemberExpression' && node.property?.name === 'log');

/** @param {Path} path */
function shouldIgnore({ node, parent }) {
  if (!words.has(node.type) || parent?.type !== 'CallExpression') return undefined;
  const isLine = parent.callee?.type === 'MemberExpression' && isLog(parent.callee.object);
  return isLine && parent.arguments?.at(-1) === node ? 'the words of a log line' : undefined;
}

export const strykerPlugins = [{ kind: 'Ignore', name: 'log-words', value: { shouldIgnore } }];
