import { z } from 'zod';

/** Which Python modules the MSST in use lacks, by architecture, and the folders in which an install shows. */
export const knownNeedsSchema = z.object({
  missing: z.record(z.string(), z.array(z.string())),
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
