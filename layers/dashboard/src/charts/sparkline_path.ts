/** The shapes of a sparkline, on a canvas of its own units. */

import type { Values } from "./grid.ts";

/** Return the highest known value of all `columns`, at least `least`. */
export function highestOf(columns: Array<Values | undefined>, least = 0): number {
  let most = least;
  for (const column of columns) for (const value of column ?? []) if (value !== null && value > most) most = value;
  return most;
}

/** Return an SVG path through `values` over `width` by `height` units, from 0 to `most`; gaps where they are unknown. */
export function linePath(values: Values, most: number, width: number, height: number): string {
  let path = "";
  let isDown = false;
  values.forEach((value, index) => {
    if (value === null) {
      isDown = false;
      return;
    }
    const isAlone = !isDown && (values[index + 1] ?? null) === null;
    path += `${isDown ? "L" : "M"}${point(index, value, values.length, most, width, height)}`;
    if (isAlone) path += "h0.6";
    isDown = true;
  });
  return path;
}

/** Return SVG paths of the area between `low` and `high`, wherever both are known. */
export function bandPath(low: Values, high: Values, most: number, width: number, height: number): string {
  let path = "";
  let run: number[] = [];
  const close = (): void => {
    if (run.length > 1) {
      const top = run.map((index) => point(index, high[index] ?? 0, high.length, most, width, height));
      const foot = [...run].reverse().map((index) => point(index, low[index] ?? 0, low.length, most, width, height));
      path += `M${[...top, ...foot].join("L")}Z`;
    }
    run = [];
  };
  high.forEach((value, index) => {
    if (value === null || (low[index] ?? null) === null) close();
    else run.push(index);
  });
  close();
  return path;
}

function point(index: number, value: number, points: number, most: number, width: number, height: number): string {
  const x = points > 1 ? (index / (points - 1)) * width : width / 2;
  const y = height - (most > 0 ? Math.max(0, Math.min(value / most, 1)) : 0) * height;
  return `${x.toFixed(1)},${y.toFixed(1)}`;
}
