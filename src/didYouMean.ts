import { distance } from 'fastest-levenshtein';

/** Skip absurdly long input: edit distance is quadratic. */
const LONGEST_WORD = 100;

/**
 * The candidate that a person who wrote `word` most likely meant.
 *
 * A candidate counts when at most a third of its letters differ (case does not count); failing that, when it is
 * the only one that contains the word. Equal distances go to the earlier candidate.
 *
 * @returns the candidate in its own spelling; null: none is near.
 */
export function closest(word: string, candidates: readonly string[]): string | null {
  const wanted = word.trim().toLowerCase();
  if (wanted === '' || wanted.length > LONGEST_WORD) return null;
  let nearest: { candidate: string; edits: number } | null = null;
  for (const candidate of candidates) {
    const edits = distance(wanted, candidate.toLowerCase());
    const tolerated = Math.max(1, Math.floor(Math.max(wanted.length, candidate.length) / 3));
    if (edits <= tolerated && (nearest === null || edits < nearest.edits)) nearest = { candidate, edits };
  }
  return nearest?.candidate ?? onlyOneWith(wanted, candidates);
}

function onlyOneWith(wanted: string, candidates: readonly string[]): string | null {
  if (wanted.length < 3) return null;
  const containing = candidates.filter((candidate) => candidate.toLowerCase().includes(wanted));
  return containing.length === 1 ? (containing[0] ?? null) : null;
}
