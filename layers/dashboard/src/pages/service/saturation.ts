/** Which metrics say how full something is, and how they are drawn. */

import type { Grid } from "../../charts/grid.ts";
import { DAY, HOUR } from "../../lib/time.ts";
import type { Span } from "../../lib/time.ts";
import type { Column } from "../../lib/types.ts";
import type { MetricRow, SentMetric } from "./types.ts";

export const SIGNALS = ["CPU", "Memory", "Connections", "Queues", "In flight", "Threads", "Disk"] as const;
export type Signal = (typeof SIGNALS)[number];

/** By the names of OpenTelemetry's conventions and what is usual besides; the first that fits. */
const PATTERNS: ReadonlyArray<[Signal, RegExp]> = [
  ["Connections", /(connection|pool|session)s?([._]|$)/],
  ["Queues", /(queue|backlog|lag|pending|waiting|outstanding|dropped)/],
  ["In flight", /(active[._]requests|in[._-]?flight|concurren|active[._]tasks|load(avg|[._]average)?$)/],
  ["Threads", /(thread|goroutine|worker|executor|eventloop|event[._]loop)/],
  ["Memory", /(memory|heap|rss|swap|[._]gc[._]|garbage|buffer)/],
  ["CPU", /(^|[._])cpu([._]|$)|processor/],
  ["Disk", /(disk|filesystem|volume|inode|file[._]?descriptor|[._]fds?$)/],
];

/** Return what a metric says the fullness of, or null if it says something else; durations never do. */
export function signalOf(metric: SentMetric): Signal | null {
  const name = metric.name.toLowerCase();
  if (["s", "ms", "us", "ns"].includes(metric.unit) && !/cpu/.test(name)) return null;
  return PATTERNS.find(([, pattern]) => pattern.test(name))?.[0] ?? null;
}

/** Return the resolution that rows of metrics are asked in, and the part of `span` that they can be asked for. */
export function metricSpan(span: Span): { resolution: "minute" | "hour" | "day"; stepS: number; from: number; to: number } {
  const length = span.to - span.from;
  const [resolution, stepS, most] =
    length <= 6 * HOUR ? (["minute", 60, 6 * HOUR] as const) : length <= 7 * DAY ? (["hour", 3_600, 7 * DAY] as const) : (["day", 86_400, 31 * DAY] as const);
  return { resolution, stepS, from: Math.max(span.from, span.to - most), to: span.to };
}

export interface MetricLine {
  label: string;
  values: Column;
}

export interface MetricChart {
  grid: Grid;
  lines: MetricLine[];
  unit: string;
  /** What the lines show: "highest", "mean and highest", "per second", "p95". */
  says: string;
  /** Series that are not drawn. */
  left: number;
}

const MOST_LINES = 6;

/**
 * Return rows as lines: of gauges the highest value, of sums the increase per second, of histograms the p95. A period
 * that is not over and that nothing was heard of yet is left out: it is not known to be UNKNOWN.
 */
export function metricChart(all: MetricRow[], stepS: number): MetricChart {
  const rows = all.filter((row) => row.complete || row.state === "OK");
  const starts = rows.map((row) => Date.parse(row.start));
  const from = Math.min(...starts);
  const points = rows.length > 0 ? Math.round((Math.max(...starts) - from) / (stepS * 1_000)) + 1 : 0;
  const known = rows.filter((row) => row.state === "OK");
  const kind = known[0]?.kind ?? "";
  const series = new Map<string, MetricRow[]>();
  for (const row of known) {
    const label = labelOf(row.attributes);
    series.set(label, [...(series.get(label) ?? []), row]);
  }
  const line = (label: string, own: MetricRow[], value: (row: MetricRow) => number | null): MetricLine => {
    const values: Column = Array.from({ length: points }, () => null);
    for (const row of own) values[Math.round((Date.parse(row.start) - from) / (stepS * 1_000))] = value(row);
    return { label, values };
  };
  const grid = { from: points > 0 ? from : 0, stepS, points };
  const shared = { grid, unit: known[0]?.unit ?? "" };
  const [only] = [...series.values()];
  if (kind === "gauge" && series.size === 1 && only) {
    return { ...shared, says: "mean and highest", left: 0, lines: [line("highest", only, (row) => row.maximum), line("mean", only, (row) => row.mean)] };
  }
  const value = kind === "gauge" ? (row: MetricRow) => row.maximum : isSum(kind) ? (row: MetricRow) => (row.sum === null ? null : row.sum / stepS) : (row: MetricRow) => row.p95;
  const lines = [...series].map(([label, own]) => line(label, own, value)).sort((one, other) => peakOf(other) - peakOf(one));
  return { ...shared, says: kind === "gauge" ? "highest" : isSum(kind) ? "per second" : "p95", left: Math.max(0, lines.length - MOST_LINES), lines: lines.slice(0, MOST_LINES) };
}

/** Return the attributes of a series as its label. */
export function labelOf(attributes: Record<string, string>): string {
  const pairs = Object.entries(attributes).sort(([one], [other]) => one.localeCompare(other));
  if (pairs.length === 1 && pairs[0]) return pairs[0][1] || pairs[0][0];
  return pairs.map(([name, value]) => `${name}=${value}`).join(", ") || "all";
}

function isSum(kind: string): boolean {
  return kind.endsWith("_sum");
}

function peakOf(line: MetricLine): number {
  return Math.max(...line.values.map((value) => value ?? -Infinity));
}
