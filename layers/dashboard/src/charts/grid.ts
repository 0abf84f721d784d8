/** Values on a regular grid of times, as the API answers them: their summary, their CSV, their unknown stretches. */

export type Values = ReadonlyArray<number | null>;

/** Where points lie: the first at `from` (ms since the epoch), `points` of them, `stepS` seconds apart. */
export interface Grid {
  from: number;
  stepS: number;
  points: number;
}

/** Return the grid of a columnar answer. */
export function gridOf(answer: { from: string; step_s: number; points: number }): Grid {
  return { from: Date.parse(answer.from), stepS: answer.step_s, points: answer.points };
}

/** Return how many points from the first on are over: an open one would look like a fall. At least one is left. */
export function completePoints(answer: { from: string; step_s: number; points: number; complete_to: string }): number {
  const over = Math.floor((Date.parse(answer.complete_to) - Date.parse(answer.from)) / 1_000 / answer.step_s);
  return Math.max(1, Math.min(answer.points, over));
}

/** Return the times of the points in seconds since the epoch. */
export function timesOf(grid: Grid): number[] {
  const first = grid.from / 1_000;
  return Array.from({ length: grid.points }, (_, index) => first + index * grid.stepS);
}

/** Return the runs of points at which every one of `columns` is unknown: [first, last], both included. */
export function unknownRuns(columns: Values[], points: number): Array<[number, number]> {
  const runs: Array<[number, number]> = [];
  let start = -1;
  for (let index = 0; index <= points; index += 1) {
    const isUnknown = index < points && columns.every((column) => (column[index] ?? null) === null);
    if (isUnknown && start < 0) start = index;
    if (!isUnknown && start >= 0) {
      runs.push([start, index - 1]);
      start = -1;
    }
  }
  return runs;
}

/** Return the known points between two unknown ones: a line has no length there, so they are drawn as dots. */
export function lonePoints(values: Values): number[] {
  const isKnown = (index: number): boolean => (values[index] ?? null) !== null;
  return Array.from(values.keys()).filter((index) => isKnown(index) && !isKnown(index - 1) && !isKnown(index + 1));
}

export interface Summary {
  last: number | null;
  least: number | null;
  most: number | null;
  mean: number | null;
}

/** Return the last known value, the extremes and the mean of the known values; nulls where none is known. */
export function summaryOf(values: Values): Summary {
  const known = values.filter((value): value is number => value !== null);
  if (known.length === 0) return { last: null, least: null, most: null, mean: null };
  let least = Infinity;
  let most = -Infinity;
  let sum = 0;
  for (const value of known) {
    least = Math.min(least, value);
    most = Math.max(most, value);
    sum += value;
  }
  return { last: known[known.length - 1] ?? null, least, most, mean: sum / known.length };
}

/** Return CSV (RFC 4180) with one row per time and one column per series; unknown values are empty. */
export function csvOf(times: readonly number[], columns: Array<{ label: string; values: Values }>): string {
  const head = ["time", ...columns.map((column) => column.label)].map(quoted).join(",");
  const lines = times.map((time, index) => {
    const cells = columns.map((column) => column.values[index] ?? "");
    return [new Date(time * 1_000).toISOString(), ...cells].join(",");
  });
  return `${[head, ...lines].join("\r\n")}\r\n`;
}

/** Return one CSV cell; what a spreadsheet would take for a formula becomes text. */
export function quoted(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

/** Return `values` times `factor`, unknown where they are. */
export function scaled(values: Values, factor: number): Array<number | null> {
  return values.map((value) => (value === null ? null : value * factor));
}
