/** The numbers of a heat map: its rows, its axis, and what is said of them in words. */

export type HeatCounts = ReadonlyArray<ReadonlyArray<number> | null>;

/** Return the bounds as they are drawn: a row that begins at 0 is as high on the logarithmic axis as the next one. */
export function drawnBounds(bounds: readonly number[]): number[] {
  const [first, second, third] = bounds;
  if (first !== 0 || second === undefined) return [...bounds];
  const ratio = third === undefined ? 2 : third / second;
  return [second / ratio, ...bounds.slice(1)];
}

/** Return the row in which `value` lies, over its lower bound and up to its upper one; -1 outside. */
export function rowOf(bounds: readonly number[], value: number): number {
  for (let row = 0; row + 1 < bounds.length; row += 1) {
    const isLowest = row === 0 && value === bounds[0];
    if (isLowest || (value > (bounds[row] ?? 0) && value <= (bounds[row + 1] ?? 0))) return row;
  }
  return -1;
}

/** Return the greatest count. */
export function mostOf(counts: HeatCounts): number {
  let most = 0;
  for (const point of counts) for (const count of point ?? []) most = Math.max(most, count);
  return most;
}

/** Return the sum of each row over all points. */
export function rowTotals(counts: HeatCounts, rows: number): number[] {
  const totals = Array.from({ length: rows }, () => 0);
  for (const point of counts) point?.forEach((count, row) => { totals[row] = (totals[row] ?? 0) + count; });
  return totals;
}

/** Return the row that holds the value of rank `share` of all that `counts` count; -1 of nothing. */
export function rowAtShare(counts: readonly number[], share: number): number {
  const all = counts.reduce((one, other) => one + other, 0);
  if (all === 0) return -1;
  let reached = 0;
  return counts.findIndex((count) => {
    reached += count;
    return reached >= share * all && count > 0;
  });
}

/** Return the round numbers (1, 2, 5 and, where these are few, those between) from `low` to `high`, both above 0. */
export function logTicks(low: number, high: number): number[] {
  for (const digits of [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 5, 7], [1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9]]) {
    const found = decades(low, high).flatMap((power) => digits.map((digit) => Number((digit * 10 ** power).toPrecision(3))));
    const inside = found.filter((tick) => tick >= low && tick <= high);
    if (inside.length >= 4) return inside;
  }
  return [low, high].map((end) => Number(end.toPrecision(3)));
}

function decades(low: number, high: number): number[] {
  const first = Math.floor(Math.log10(low));
  return Array.from({ length: Math.floor(Math.log10(high)) - first + 1 }, (_, index) => first + index);
}
