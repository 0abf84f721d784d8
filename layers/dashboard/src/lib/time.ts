/** Time ranges: what the URL says of them, what they are at a moment, and how they are told to people. */

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** A range as the URL has it: each end is `now`, `now-<n><m|h|d>`, or ISO 8601 in UTC. */
export interface TimeRange {
  from: string;
  to: string;
}

/** A range at a moment, in milliseconds since the epoch; `to` is not included. */
export interface Span {
  from: number;
  to: number;
}

export const DEFAULT_RANGE: TimeRange = { from: "now-24h", to: "now" };
export const MAX_DAYS = 92;

/** The ranges that the picker offers, shortest first. */
export const PRESETS: ReadonlyArray<{ label: string; short: string; range: TimeRange }> = [
  { label: "Last 30 minutes", short: "30 min", range: { from: "now-30m", to: "now" } },
  { label: "Last hour", short: "1 h", range: { from: "now-1h", to: "now" } },
  { label: "Last 3 hours", short: "3 h", range: { from: "now-3h", to: "now" } },
  { label: "Last 12 hours", short: "12 h", range: { from: "now-12h", to: "now" } },
  { label: "Last 24 hours", short: "24 h", range: { from: "now-24h", to: "now" } },
  { label: "Last 3 days", short: "3 d", range: { from: "now-3d", to: "now" } },
  { label: "Last 7 days", short: "7 d", range: { from: "now-7d", to: "now" } },
  { label: "Last 14 days", short: "14 d", range: { from: "now-14d", to: "now" } },
  { label: "Last 30 days", short: "30 d", range: { from: "now-30d", to: "now" } },
];

const RELATIVE = /^now(?:-(\d{1,5})([mhd]))?$/;
const UNITS: Record<string, number> = { m: MINUTE, h: HOUR, d: DAY };

/** Return the moment that one end of a range stands for, in ms since the epoch; NaN if it says nothing sensible. */
export function momentOf(text: string, now: number): number {
  const relative = RELATIVE.exec(text);
  if (relative) return now - Number(relative[1] ?? 0) * (UNITS[relative[2] ?? "m"] ?? 0);
  return /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
}

/** Return the span of `range` at `now`, or null if it is none: unreadable, empty, or longer than MAX_DAYS. */
export function spanOf(range: TimeRange, now: number): Span | null {
  const from = momentOf(range.from, now);
  const to = momentOf(range.to, now);
  return from < to && to - from <= MAX_DAYS * DAY ? { from, to } : null;
}

/** Return whether `range` moves on with the clock. */
export function isLive(range: TimeRange): boolean {
  return range.to === "now";
}

/** Return the step in seconds that a chart of `span` is drawn with: 60, 300, 3600 or 86400. */
export function stepOf(span: Span): number {
  const length = span.to - span.from;
  if (length <= 3 * HOUR) return 60;
  if (length <= 26 * HOUR) return 300;
  return length <= 32 * DAY ? 3_600 : 86_400;
}

/** Return `span` with both ends moved outwards to whole steps, so that repeated questions are the same. */
export function aligned(span: Span, stepS: number): Span {
  const step = stepS * SECOND;
  return { from: Math.floor(span.from / step) * step, to: Math.ceil(span.to / step) * step };
}

/** Return ISO 8601 in UTC without parts of seconds. */
export function isoOf(moment: number): string {
  return new Date(moment).toISOString().replace(/\.\d+Z$/, "Z");
}

let ownZone = "";

/** A zone's name, or the browser's own for `local`. */
export function zoneName(zone: string): string {
  if (zone !== "local") return zone;
  ownZone ||= Intl.DateTimeFormat().resolvedOptions().timeZone;
  return ownZone;
}

/** Return whether `zone` can be shown: `local` or a name that the browser knows. */
export function isZone(zone: string): boolean {
  if (zone === "local" || zone === "UTC") return true;
  try {
    new Intl.DateTimeFormat("en-GB", { timeZone: zoneName(zone) });
    return true;
  } catch {
    return false;
  }
}

type Style = "time" | "second" | "day" | "moment" | "full";
const STYLES: Record<Style, Intl.DateTimeFormatOptions> = {
  time: { hour: "2-digit", minute: "2-digit" },
  second: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  day: { day: "numeric", month: "short" },
  moment: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  full: { weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" },
};
const formats = new Map<string, Intl.DateTimeFormat>();

/** Return `moment` (ms) in `zone`, such as 14:05, 21 Nov, 21 Nov, 14:05. */
export function timeText(moment: number, zone: string, style: Style = "moment"): string {
  const key = `${zone} ${style}`;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat("en-GB", { ...STYLES[style], timeZone: zoneName(zone), hourCycle: "h23" });
    formats.set(key, format);
  }
  return format.format(moment);
}

/** Return a length of time (ms) in its two largest units: 45 s, 12 min, 3 h 20 min, 2 d 4 h. */
export function durationText(length: number): string {
  const seconds = Math.round(Math.abs(length) / SECOND);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

/** Return how long ago `moment` was at `now`: "just now", "5 min ago", "in 3 h". */
export function agoText(moment: number, now: number): string {
  const length = now - moment;
  if (Math.abs(length) < 10 * SECOND) return "just now";
  return length > 0 ? `${durationText(length)} ago` : `in ${durationText(length)}`;
}

/** Return what a range is called: a preset's label, or both ends in `zone`. */
export function rangeText(range: TimeRange, span: Span, zone: string): string {
  const preset = PRESETS.find((one) => one.range.from === range.from && one.range.to === range.to);
  if (preset) return preset.label;
  const isSameDay = timeText(span.from, zone, "day") === timeText(span.to, zone, "day");
  return `${timeText(span.from, zone)} – ${timeText(span.to, zone, isSameDay ? "time" : "moment")}`;
}
