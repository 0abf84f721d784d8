/** What could not be searched: the newest moments, which is so at any time, told apart from what needs attention. */

import { MINUTE } from "../../lib/time.ts";
import type { Gap } from "./types.ts";

/** Within this time of the end of a search, lines that are on their way are nothing unusual. */
export const ON_THE_WAY_MS = 2 * MINUTE;

/**
 * Return the gaps that somebody has to know of, and since when (ms) lines are merely on their way; null where none are.
 * `to` is the end of what was searched, ISO.
 */
export function sortedGaps(gaps: readonly Gap[], to: string): { open: Gap[]; since: number | null } {
  const earliest = Date.parse(to) - ON_THE_WAY_MS;
  const open: Gap[] = [];
  let since: number | null = null;
  for (const gap of gaps) {
    const from = Date.parse(gap.from);
    if (gap.reason !== "pending" || from < earliest) open.push(gap);
    else since = Math.min(since ?? from, from);
  }
  return { open, since };
}
