/** Stacked bars: what stands on what, and the textures that tell the layers apart without colour. */

import type { Values } from "./grid.ts";

/** `weak` is the colour at a third of its strength; the others are patterns in the colour. */
export type Texture = "solid" | "weak" | "stripes" | "cross" | "dots";

export interface BarSeries {
  label: string;
  /** The first stands at the foot. */
  values: Values;
  /** A colour token. */
  colour: string;
  texture: Texture;
}

/** Return per layer the height of its upper edge: the sum of it and of those below. Unknown where no layer is known. */
export function stackedEdges(columns: readonly Values[], points: number): Array<Array<number | null>> {
  const sums: Array<number | null> = Array.from({ length: points }, () => null);
  return columns.map((column) => {
    for (let index = 0; index < points; index += 1) {
      const value = column[index] ?? null;
      if (value !== null) sums[index] = (sums[index] ?? 0) + value;
    }
    return [...sums];
  });
}

/** Return the sum of the known values, or null where none is known. */
export function sumOf(values: Values): number | null {
  let sum: number | null = null;
  for (const value of values) if (value !== null) sum = (sum ?? 0) + value;
  return sum;
}

/** Return the runs of intervals, [first, last], that stretches of time (ms) touch on a grid; overlapping ones as one. */
export function touchedRuns(stretches: ReadonlyArray<{ from: number; to: number }>, grid: { from: number; stepS: number; points: number }): Array<[number, number]> {
  const step = grid.stepS * 1_000;
  const runs: Array<[number, number]> = [];
  for (const { from, to } of [...stretches].sort((one, other) => one.from - other.from)) {
    const first = Math.max(0, Math.floor((from - grid.from) / step));
    const last = Math.min(grid.points - 1, Math.ceil((to - grid.from) / step) - 1);
    if (last < first) continue;
    const before = runs[runs.length - 1];
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else runs.push([first, last]);
  }
  return runs;
}
