import { AppError } from '../../src/errors.ts';

/** The refusal that this throws; undefined: it throws none. */
export function refusalOf(act: () => unknown): AppError | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}
