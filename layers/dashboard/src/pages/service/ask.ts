/** Answers that say "nothing is known of it" by 404: here that is no failure. */

import { ApiError } from "../../lib/api.ts";

/** Return what `answer` brings, or null where the API knows nothing of what was asked for. */
export async function orNothing<Answer>(answer: Promise<Answer>): Promise<Answer | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}
