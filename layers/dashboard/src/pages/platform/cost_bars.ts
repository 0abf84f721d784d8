/** How long the bars of the estimate are. */

import type { Sum } from "./types.ts";

export interface CostBar extends Sum {
  capability: string;
  /** Lengths as shares of the longest: what was spent, and what the month will have cost. */
  share: number;
  projectedShare: number;
}

/** Return a bar per capability, the dearest first; where nothing is projected, the bar is what was spent. */
export function barsOf(capabilities: ReadonlyArray<Sum & { capability: string }>): CostBar[] {
  const end = (one: Sum): number => Math.max(one.projected_usd ?? 0, one.usd ?? 0);
  const longest = Math.max(0, ...capabilities.map(end));
  const shareOf = (usd: number): number => (longest > 0 ? usd / longest : 0);
  return [...capabilities]
    .sort((one, other) => end(other) - end(one) || one.capability.localeCompare(other.capability))
    .map((one) => ({ ...one, share: shareOf(one.usd ?? 0), projectedShare: shareOf(end(one)) }));
}
