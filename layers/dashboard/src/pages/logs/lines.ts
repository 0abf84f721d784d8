/** Lines as people read and take them: merged without repeats, told in text, their structure as rows. */

import { countText } from "../../lib/format.ts";
import { timeText } from "../../lib/time.ts";
import type { Line, LogPage } from "./types.ts";

/** The most lines that a list holds. */
export const MAX_LINES = 2_000;

/** Return `held` with those of `more` after it that it does not have. */
export function appended(held: readonly Line[], more: readonly Line[]): Line[] {
  const known = new Set(held.map((one) => one.id));
  return [...held, ...more.filter((one) => !known.has(one.id))];
}

/** Return those of `page` that `held` does not have. */
export function unseen(held: readonly Line[], page: readonly Line[]): Line[] {
  const known = new Set(held.map((one) => one.id));
  return page.filter((one) => !known.has(one.id));
}

/**
 * Return `page`, the newest lines, before `held`, at most `most`; where they do not meet (all of a page is new and there
 * are `held` ones), lines between them would be missing, and the page stands alone.
 */
export function renewed(held: readonly Line[], page: readonly Line[], most = MAX_LINES): Line[] {
  const fresh = unseen(held, page);
  if (held.length > 0 && page.length > 0 && fresh.length === page.length) return [...page];
  return [...fresh, ...held].slice(0, most);
}

/** Return how many lines a search found: exact, or at least so many, or "" where the page does not tell. */
export function totalText(page: Pick<LogPage, "total" | "is_total_exact">): string {
  if (page.total === undefined) return "";
  return `${page.is_total_exact === false ? "more than " : ""}${countText(page.total)}`;
}

/** Return the time of a line in `zone` with its milliseconds: 14:05:03.123, with the day before it where asked. */
export function clockText(time: string, zone: string, hasDay = false): string {
  const moment = Date.parse(time.slice(0, 19) + "Z");
  const fraction = (/\.(\d+)/.exec(time)?.[1] ?? "").padEnd(3, "0").slice(0, 3);
  return `${hasDay ? `${timeText(moment, zone, "day")} ` : ""}${timeText(moment, zone, "second")}.${fraction}`;
}

/** Return how long after `first` the time `time` is, in ms with six digits behind the point; both with nine digits. */
export function offsetOf(time: string, first: string): number {
  return Number(nanosOf(time) - nanosOf(first)) / 1e6;
}

/** Return the nanoseconds since the epoch of an ISO time in UTC. */
export function nanosOf(time: string): bigint {
  const fraction = (/\.(\d+)/.exec(time)?.[1] ?? "").padEnd(9, "0").slice(0, 9);
  return BigInt(Date.parse(time.slice(0, 19) + "Z")) * 1_000_000n + BigInt(fraction);
}

// By what they do to a screen or a terminal: controls, marks of direction, characters without width
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]/g;

/** Return `text` with what cannot be seen made visible: \x1b, \u202e. Tabs and line ends stay. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (one) => {
    const digits = one.charCodeAt(0).toString(16);
    return digits.length > 2 ? `\\u${digits.padStart(4, "0")}` : `\\x${digits.padStart(2, "0")}`;
  });
}

/** Return the first `most` characters of `text` on one line, with what cannot be seen made visible. */
export function oneLine(text: string, most = 600): string {
  const short = text.length > most ? `${text.slice(0, most)}…` : text;
  return visible(short.replace(/\r?\n/g, " ↵ ").replace(/\t/g, " "));
}

/** Return a line as text on one line: time, class, service, body, trace. */
export function textOf(line: Line): string {
  const trace = line.trace_id ? ` trace_id=${line.trace_id}` : "";
  return `${line.time} ${line.severity.toUpperCase()} ${visible(line.service)} ${oneLine(line.body, Infinity)}${trace}`;
}

/** Return lines as JSON, one on each line of the text; what the search marked is left out. */
export function jsonLines(lines: readonly Line[]): string {
  return lines.map((line) => JSON.stringify({ ...line, highlights: undefined })).join("\n");
}

export interface Row {
  /** Dotted, as the API names it. */
  name: string;
  /** As the API compares it: texts as they are, everything else as JSON. */
  value: string;
}

/** Return the leaves of a structure as rows, in its order; a list gives one row per element, all of its name. */
export function rowsOf(value: unknown, name = ""): Row[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value.flatMap((one) => rowsOf(one, name));
  if (typeof value === "object") return Object.entries(value).flatMap(([key, inner]) => rowsOf(inner, name ? `${name}.${key}` : key));
  return [{ name, value: typeof value === "string" ? value : JSON.stringify(value) }];
}

/** Return the first attributes of a line as `name=value`, at most `most` characters: what a row tells beside the body. */
export function previewOf(line: Line, most = 220): string {
  let text = "";
  for (const { name, value } of rowsOf(line.attributes)) {
    const next = `${text ? "  " : ""}${name}=${value}`;
    if (text.length + next.length > most) return `${text}${text ? "  …" : oneLine(next, most)}`;
    text += next;
  }
  return text;
}
