/** Which points of a series may be drawn, and over how long each was counted. */

import { gridOf } from "../../charts/grid.ts";
import type { Grid } from "../../charts/grid.ts";
import { MINUTE } from "../../lib/time.ts";
import type { Column } from "../../lib/types.ts";

/** An open point is drawn once so much of it is over; before that its numbers say more of the moment than of it. */
export const RIPE_AFTER = 10 * MINUTE;
/** What happened within the last minute may not have been counted yet. */
const LAG = MINUTE;

/**
 * Return the grid of an answer without the newest points that are not closed, except one of which ten minutes are over:
 * half a minute of requests must not look like a fall.
 */
export function ripeGrid(answer: { from: string; step_s: number; points: number; complete_to: string }, now: number): Grid {
  const grid = gridOf(answer);
  const step = grid.stepS * 1_000;
  const closed = Math.floor((Date.parse(answer.complete_to) - grid.from) / step);
  const isRipe = closed < grid.points && now - (grid.from + closed * step) >= RIPE_AFTER && step > RIPE_AFTER;
  return { ...grid, points: Math.max(0, Math.min(grid.points, closed + (isRipe ? 1 : 0))) };
}

/** Return `counts` per second on `grid`; an open point is divided by what of it is over. */
export function perSecond(counts: Column, grid: Grid, now: number): Column {
  return upTo(counts, grid).map((count, at) => {
    if (count === null) return null;
    const length = Math.min(grid.stepS, (now - LAG - (grid.from + at * grid.stepS * 1_000)) / 1_000);
    return count / Math.max(1, length);
  });
}

/** Return the values of the points that `grid` has. */
export function upTo<Value>(values: readonly Value[], grid: Grid): Value[] {
  return values.slice(0, grid.points);
}
