/** Where the dumps of a database lie in time, and how they are told in one sentence. */

import type { Dump } from "../../lib/backup.ts";
import type { Span } from "../../lib/time.ts";

export interface Place {
  dump: Dump;
  /** From the left, in percent. */
  left: number;
  /** Where the verification ended, if it lies in the span. */
  verifiedLeft: number | null;
}

/** Return the dumps that were taken within `span`, oldest first, with their places. */
export function placesOf(dumps: Dump[], span: Span): Place[] {
  return dumps
    .filter((dump) => isWithin(Date.parse(dump.taken_at), span))
    .sort((one, other) => Date.parse(one.taken_at) - Date.parse(other.taken_at))
    .map((dump) => {
      const verified = dump.verified_at === null ? Number.NaN : Date.parse(dump.verified_at);
      return { dump, left: leftOf(Date.parse(dump.taken_at), span), verifiedLeft: isWithin(verified, span) ? leftOf(verified, span) : null };
    });
}

/** Return "12 dumps: 10 proven, 1 failed, 1 not verified yet". */
export function toldOf(dumps: Dump[]): string {
  const counts = new Map<string, number>();
  for (const dump of dumps) {
    const word = dump.verdict ?? "not verified yet";
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const parts = ["proven", "restorable", "failed", "unknown", "not verified yet"].filter((word) => counts.has(word)).map((word) => `${counts.get(word)} ${word}`);
  const whole = `${dumps.length} ${dumps.length === 1 ? "dump" : "dumps"}`;
  return parts.length > 0 ? `${whole}: ${parts.join(", ")}` : whole;
}

/** Return moments for labels under the timeline: at most `most`, at even distances, in ms since the epoch. */
export function ticksOf(span: Span, most: number): number[] {
  const step = (span.to - span.from) / most;
  return Array.from({ length: most }, (_, index) => span.from + step * (index + 0.5));
}

function isWithin(moment: number, span: Span): boolean {
  return moment >= span.from && moment < span.to;
}

function leftOf(moment: number, span: Span): number {
  return ((moment - span.from) / (span.to - span.from)) * 100;
}
