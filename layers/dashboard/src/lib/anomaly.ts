/** Anomalies in words: what is measured, how far off it was, when it was, and what it is called in short. */

import { numberText, valueText } from "./format.ts";
import { durationText, MINUTE, timeText } from "./time.ts";
import type { Anomaly } from "./types.ts";

/** What each measure is, as people say it. */
export const MEASURES: Record<string, string> = {
  rate: "Requests",
  error_ratio: "Errors",
  p95: "Latency, p95",
  throughput: "Throughput",
  saturation: "Saturation",
  pattern: "Log pattern",
  silence: "Silence",
};

/** The parts of an anomaly that its short name is made of. */
export type Named = Pick<Anomaly, "service" | "measure" | "metric" | "operation" | "direction">;

/** Return what is measured of which series: "Latency, p95 of POST /charges", "Throughput of shop.orders". */
export function measureText(one: Pick<Named, "measure" | "metric" | "operation">): string {
  const what = MEASURES[one.measure] ?? one.measure;
  const of = one.operation || (one.measure === "pattern" ? "" : one.metric);
  return of ? `${what} of ${of}` : what;
}

/** Return an anomaly in a few words: "payments: errors high", "web: silent". */
export function titleOf(one: Named): string {
  if (one.direction === "silent") return `${one.service}: silent`;
  const what = measureText(one);
  const small = what.charAt(0).toLowerCase() + what.slice(1);
  return `${one.service}: ${one.measure === "pattern" ? "more lines of a log pattern" : `${small} ${one.direction}`}`;
}

/** Return the minutes since the epoch that an anomaly began and, as far as is known, ended, in ms; `to` is not included. */
export function stretchOf(one: Pick<Anomaly, "first_minute" | "last_minute">): { from: number; to: number } {
  return { from: Date.parse(one.first_minute), to: Date.parse(one.last_minute) + MINUTE };
}

/** Return how far `value` is from `expected`: "47 times the usual", "6 % of the usual"; "" where that says nothing. */
export function timesText(value: number | null, expected: number | null): string {
  if (value === null || expected === null || expected <= 0 || value < 0) return "";
  const times = value / expected;
  if (times >= 1.995) return `${numberText(times >= 20 ? Math.round(times) : Number(times.toPrecision(2)))} times the usual`;
  if (times >= 1) return `${numberText(Math.round((times - 1) * 100))} % above the usual`;
  if (value === 0) return "none at all";
  return times < 0.5 ? `${numberText(Number((times * 100).toPrecision(2)))} % of the usual` : `${numberText(Math.round((1 - times) * 100))} % below the usual`;
}

/** Return a value of an anomaly in its own unit; `requests/min` and the like with thin words. */
export function anomalyValue(value: number | null | undefined, unit: string): string {
  return valueText(value, unit).replace(" requests/min", " /min").replace(" lines/min", " lines a min");
}

/** Return when an anomaly was: "since 17:50, 28 min", or "17:50 – 18:05, 15 min"; the day where it is not today's. */
export function whenText(one: Pick<Anomaly, "first_minute" | "last_minute" | "state">, now: number, zone: string): string {
  const { from, to } = stretchOf(one);
  const isToday = timeText(from, zone, "day") === timeText(now, zone, "day");
  const start = timeText(from, zone, isToday ? "time" : "moment");
  if (one.state === "open") return `since ${start}, ${durationText(now - from)}`;
  const isSameDay = timeText(from, zone, "day") === timeText(to, zone, "day");
  return `${start} – ${timeText(to, zone, isSameDay ? "time" : "moment")}, ${durationText(to - from)}`;
}

/** Return the range that a page about an anomaly shows: an hour before to an hour after, never beyond `now`. */
export function aroundOf(one: Pick<Anomaly, "first_minute" | "last_minute" | "state">, now: number, roomMs = 60 * MINUTE): { from: number; to: number } {
  const { from, to } = stretchOf(one);
  const end = one.state === "open" ? now : to + roomMs;
  return { from: from - roomMs, to: Math.min(end, now) };
}
