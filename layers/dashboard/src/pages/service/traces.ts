/** Slow traces of a service: the slowest known of each operation and hour (or day), each once. */

import { DAY } from "../../lib/time.ts";
import type { Span } from "../../lib/time.ts";
import type { Exemplar, ExemplarRow, Kind, OperationTotals } from "./types.ts";

export interface SlowTrace extends Exemplar {
  operation: string;
}

/** Return which rows tell the traces of `span`: those of hours, or of days where hours would be too many. */
export function traceRows(span: Span): { resolution: "hour" | "day"; from: number; to: number } {
  return { resolution: span.to - span.from <= 3 * DAY ? "hour" : "day", from: Math.max(span.from, span.to - 31 * DAY), to: span.to };
}

/** Return the slowest traces of `kind`, slowest first. `operation` keeps those of that one; "" keeps all. */
export function slowTraces(rows: ExemplarRow[], totals: OperationTotals[], operation: string, kind: Kind, most = 6): SlowTrace[] {
  const found = new Map<string, SlowTrace>();
  for (const one of [...rows, ...totals]) {
    if (!one.exemplar || one.kind !== kind || (operation !== "" && one.operation !== operation)) continue;
    found.set(`${one.exemplar.trace_id} ${one.exemplar.span_id}`, { ...one.exemplar, operation: one.operation });
  }
  return [...found.values()].sort((one, other) => other.value - one.value).slice(0, most);
}
