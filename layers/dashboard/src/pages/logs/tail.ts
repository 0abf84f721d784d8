/** What a live tail holds: bounded, and still while somebody reads. */

import { unseen } from "./lines.ts";
import type { Line } from "./types.ts";

/** The most lines that a tail holds, shown and waiting ones each. */
export const MAX_TAIL = 2_000;

export interface TailLines {
  /** Shown, the newest first. */
  lines: Line[];
  /** Came while somebody read or paused; the newest first. */
  waiting: Line[];
  /** How many went because there were too many. */
  dropped: number;
}

export const EMPTY_TAIL: TailLines = { lines: [], waiting: [], dropped: 0 };

/** Return `held` with `hits` (oldest first) on top: shown at once, or waiting where `isHolding`. */
export function arrived(held: TailLines, hits: readonly Line[], isHolding: boolean, most = MAX_TAIL): TailLines {
  const fresh = unseen([...held.lines, ...held.waiting], hits).reverse();
  if (fresh.length === 0) return held;
  if (isHolding) {
    const waiting = [...fresh, ...held.waiting];
    return { ...held, waiting: waiting.slice(0, most), dropped: held.dropped + Math.max(0, waiting.length - most) };
  }
  return released({ ...held, waiting: [...fresh, ...held.waiting] }, most);
}

/** Return `held` with what waits on top of what is shown, at most `most` lines. */
export function released(held: TailLines, most = MAX_TAIL): TailLines {
  const lines = [...held.waiting, ...held.lines];
  return { lines: lines.slice(0, most), waiting: [], dropped: held.dropped + Math.max(0, lines.length - most) };
}

/** Return how long (ms) to wait before the attempt that follows `failures` in a row: 1, 2, 4, 8, then 15 s. */
export function waitAfter(failures: number): number {
  return failures <= 0 ? 0 : Math.min(15_000, 1_000 * 2 ** (failures - 1));
}
