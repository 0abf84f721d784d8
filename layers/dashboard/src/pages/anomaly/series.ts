/** The series around an anomaly as columns: gaps are UNKNOWN, and the band is the detector's or, failing that, today's. */

import type { Grid, Values } from "../../charts/grid.ts";
import { MINUTE } from "../../lib/time.ts";
import type { BandsAnswer } from "../../lib/types.ts";
import type { Point } from "./types.ts";

export interface Columns {
  grid: Grid;
  value: Values;
  expected: Values;
  low: Values;
  high: Values;
  hasBand: boolean;
}

/** Return points on a regular grid, null where there is none; null without any point. */
export function columnsOf(points: Point[], bucketMinutes: number): Columns | null {
  const first = points[0];
  const last = points[points.length - 1];
  if (!first || !last || bucketMinutes <= 0) return null;
  const step = bucketMinutes * MINUTE;
  const from = Date.parse(first.start);
  const count = Math.round((Date.parse(last.start) - from) / step) + 1;
  const column = (name: "value" | "expected" | "low" | "high"): Array<number | null> => {
    const values: Array<number | null> = Array.from({ length: count }, () => null);
    for (const point of points) values[Math.round((Date.parse(point.start) - from) / step)] = point[name];
    return values;
  };
  const high = column("high");
  return {
    grid: { from, stepS: bucketMinutes * 60, points: count },
    value: column("value"),
    expected: column("expected"),
    low: column("low"),
    high,
    hasBand: high.some((value) => value !== null),
  };
}

/** Return `columns` with the band of `answer` (as learnt by now) for the series named, in the unit `unit`; unchanged if there is none. */
export function withBand(columns: Columns, answer: BandsAnswer | undefined, series: { metric: string; operation: string; unit: string }): Columns {
  const band = answer?.series.find((one) => one.metric === series.metric && one.operation === series.operation);
  if (!answer || !band || answer.step_s !== columns.grid.stepS) return columns;
  const factor = band.unit === "requests/s" && series.unit === "requests/min" ? 60 : 1;
  const offset = Math.round((columns.grid.from - Date.parse(answer.from)) / (answer.step_s * 1_000));
  const moved = (values: Values): Array<number | null> =>
    columns.value.map((_, index) => {
      const value = values[index + offset] ?? null;
      return value === null ? null : value * factor;
    });
  const high = moved(band.high);
  return { ...columns, expected: moved(band.expected), low: moved(band.low), high, hasBand: high.some((value) => value !== null) };
}
