import { z } from 'zod';

/**
 * Which architectures the MSST in use builds (null: its source does not tell), which Python modules each of them
 * lacks, and where a change of either shows: the source of what builds them, and the folders of packages.
 */
export const knownNeedsSchema = z.object({
  architectures: z.array(z.string()).nullable(),
  missing: z.record(z.string(), z.array(z.string())),
  loader: z.object({ file: z.string(), function: z.string() }).nullable(),
  package_folders: z.array(z.string()),
});
export type KnownNeeds = z.infer<typeof knownNeedsSchema>;

/**
 * Reads what the set-up found out, in its JSON.
 *
 * @returns null: nothing that can be read
 */
export function parseNeeds(json: string | undefined): KnownNeeds | null {
  if (json === undefined || json === '') return null;
  try {
    return knownNeedsSchema.parse(JSON.parse(json));
  } catch {
    return null;
  }
}
