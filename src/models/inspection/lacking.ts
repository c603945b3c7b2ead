/** Clauses for clients that say what the MSST in use lacks for a model. */
import { closest } from '../../didYouMean.ts';
import { quoted } from './modelEntry.ts';

const NO_ARCHITECTURE = 'this MSST has no architecture ';
const MOST_TOLD = 40;

/** The model needs Python modules that are not installed. */
export function lacksModules(modules: readonly string[]): string {
  return modules.length === 1
    ? `it needs the Python module ${String(modules[0])}, which is not installed`
    : `it needs the Python modules ${modules.join(', ')}, which are not installed`;
}

/**
 * The model's architecture is not supported by this MSST.
 *
 * @param has the architectures that this MSST builds
 */
export function lacksArchitecture(architecture: string, has: readonly string[]): string {
  const near = closest(architecture, has);
  const hint = near === null ? '' : ` (did you mean ${near}?)`;
  const more = has.length > MOST_TOLD ? ` and ${String(has.length - MOST_TOLD)} more` : '';
  return `${NO_ARCHITECTURE}${quoted(architecture)}${hint}; it has ${has.slice(0, MOST_TOLD).join(', ')}${more}`;
}

/** Whether a reason for unavailability, from a worker or from this module, is one of these two. */
export const isForWhatMsstLacks = (reason: string) =>
  /needs the Python modules? .* not installed/.test(reason) || reason.startsWith(NO_ARCHITECTURE);
