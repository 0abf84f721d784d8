/** Where one goes on from an anomaly: each with the time that matters there. */

import { aroundOf } from "../../lib/anomaly.ts";
import { isoOf, MINUTE } from "../../lib/time.ts";
import type { AnomalyDetail } from "./types.ts";

export interface Onward {
  label: string;
  icon: "log" | "service" | "map" | "search";
  path: string;
  parameters: Record<string, string | undefined>;
}

/** Return the links, the likeliest next step first. */
export function onwardOf(one: AnomalyDetail, now: number): Onward[] {
  const narrow = aroundOf(one, now, 10 * MINUTE);
  const wide = aroundOf(one, now);
  const inLogs = { from: isoOf(narrow.from), to: isoOf(narrow.to), service: one.service };
  const isPattern = one.measure === "pattern";
  const links: Onward[] = [
    {
      label: isPattern ? "Lines of this pattern" : "Logs of that time",
      icon: "log",
      path: "/logs",
      parameters: isPattern ? { ...inLogs, pattern: one.metric } : one.measure === "error_ratio" ? { ...inLogs, severity: "warn,error,fatal" } : inLogs,
    },
    { label: one.service, icon: "service", path: `/services/${encodeURIComponent(one.service)}`, parameters: { from: isoOf(wide.from), to: isoOf(wide.to) } },
    { label: "Map at that time", icon: "map", path: "/map", parameters: { from: isoOf(narrow.from), to: isoOf(narrow.to), node: one.service } },
  ];
  if (!one.exemplar) return links;
  const trace = { from: isoOf(narrow.from), to: isoOf(narrow.to) };
  return [...links, { label: "A trace of it", icon: "search", path: `/logs/trace/${encodeURIComponent(one.exemplar.trace_id)}`, parameters: trace }];
}
