/** Who calls a service, and what it calls, directly. */

import { HOUR } from "../../lib/time.ts";
import type { Span } from "../../lib/time.ts";
import type { Edge } from "./types.ts";

/** The graph is made of single traces while one waits: a day of them takes ten times as long, and says little more. */
export const MOST = 6 * HOUR;

export interface Neighbours {
  callers: Edge[];
  callees: Edge[];
}

/** Return the calls to and from `service`, the busiest first. */
export function neighboursOf(edges: Edge[], service: string): Neighbours {
  const busiest = (one: Edge, other: Edge): number => other.calls_per_minute - one.calls_per_minute;
  return {
    callers: edges.filter((edge) => edge.callee === service && edge.callee_kind === "service" && edge.caller !== service).sort(busiest),
    callees: edges.filter((edge) => edge.caller === service && !(edge.callee === service && edge.callee_kind === "service")).sort(busiest),
  };
}

/** Return the part of `span` that the call graph is asked for: its last hours. */
export function graphSpan(span: Span): Span & { isCut: boolean } {
  const from = Math.max(span.from, span.to - MOST);
  return { from, to: span.to, isCut: from > span.from };
}
