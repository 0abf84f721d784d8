/** The history of a database as columns on one grid, with nulls where nothing was audited. */

import type { Grid, Values } from "../../charts/grid.ts";
import type { Span } from "../../lib/time.ts";

export interface Point {
  at: string;
  standing: string;
  bytes: number | null;
  size_bytes: number | null;
  rpo_s: number | null;
  rpo_worst_s: number | null;
  rto_p50_s: number | null;
  rto_p95_s: number | null;
  age_s: number | null;
  proof_age_s: number | null;
}

export interface History {
  from: string;
  to: string;
  resolution: "hour" | "day";
  points: Point[];
}

export type Measure = "bytes" | "size_bytes" | "rpo_s" | "rpo_worst_s" | "rto_p50_s" | "rto_p95_s";

const HOUR_S = 3_600;
const MOST_ABOVE = 5; // times as high as the highest value

/** Return the resolution that a span is drawn with: hours, and days above 32 days. */
export function resolutionOf(span: Span): "hour" | "day" {
  return span.to - span.from > 32 * 24 * HOUR_S * 1_000 ? "day" : "hour";
}

/** Return the grid of `history` over `span`, its points on whole hours or days. */
export function gridOfHistory(history: Pick<History, "resolution">, span: Span): Grid {
  const stepS = history.resolution === "day" ? 24 * HOUR_S : HOUR_S;
  const first = Math.floor(span.from / 1_000 / stepS) * stepS;
  return { from: first * 1_000, stepS, points: Math.max(1, Math.ceil((span.to / 1_000 - first) / stepS)) };
}

/** Return one measure on `grid`; of several points in one step the last counts. */
export function columnOf(history: History, grid: Grid, measure: Measure): Array<number | null> {
  const values: Array<number | null> = new Array<number | null>(grid.points).fill(null);
  for (const point of history.points) {
    const index = Math.floor((Date.parse(point.at) - grid.from) / 1_000 / grid.stepS);
    if (index >= 0 && index < grid.points) values[index] = point[measure];
  }
  return values;
}

/**
 * Return an objective as a line beside `columns`, unknown where all of them are; null where it lies so far above them
 * that they would be squeezed to a line at the foot of the chart.
 */
export function objectiveBeside(seconds: number, columns: Values[]): Array<number | null> | null {
  const most = Math.max(...columns.flatMap((column) => column.map((value) => value ?? 0)));
  if (most < seconds / MOST_ABOVE) return null;
  const points = columns[0]?.length ?? 0;
  return Array.from({ length: points }, (_, index) => (columns.some((column) => (column[index] ?? null) !== null) ? seconds : null));
}
