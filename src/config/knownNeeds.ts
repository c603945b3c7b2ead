import { z } from 'zod';

/**
 * The architectures that the MSST in use builds (null: unknown from its source), the Python modules that each of
 * them lacks, and what to watch for changes of either: the source of the function that builds them and the package
 * folders.
 */
export const knownNeedsSchema = z.object({
  architectures: z.array(z.string()).nullable(),
  missing: z.record(z.string(), z.array(z.string())),
  loader: z.object({ file: z.string(), function: z.string() }).nullable(),
  package_folders: z.array(z.string()),
});
export type KnownNeeds = z.infer<typeof knownNeedsSchema>;

/**
 * Parses the findings of set-up, given as JSON.
 *
 * @returns null if they are missing or invalid
 */
export function parseNeeds(json: string | undefined): KnownNeeds | null {
  if (json === undefined || json === '') return null;
  try {
    return knownNeedsSchema.parse(JSON.parse(json));
  } catch {
    return null;
  }
}
