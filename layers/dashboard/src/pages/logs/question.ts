/** What is asked of the logs: from the address, for the API, and how it is narrowed or loosened. */

import { DAY } from "../../lib/time.ts";
import { severitiesOf } from "./severity.ts";

/** The most time that one search may be about. */
export const MAX_SEARCH_DAYS = 31;

const MOST_WAYS = 7;

export interface Asked {
  q: string;
  service: string;
  /** Classes with commas between them. */
  severity: string;
  /** Id of a pattern. */
  pattern: string;
}

const NO_FILTER: Asked = { q: "", service: "", severity: "", pattern: "" };

/** Return what the address asks for; classes that are none are left out. */
export function askedOf(query: URLSearchParams): Asked {
  return {
    q: (query.get("q") ?? "").trim(),
    service: query.get("service") ?? "",
    severity: severitiesOf(query.get("severity") ?? "").join(","),
    pattern: query.get("pattern") ?? "",
  };
}

/** Return the filters as the API takes them. */
export function filtersOf(asked: Asked): Record<string, string> {
  return { q: asked.q, service: asked.service, severity: asked.severity, template: asked.pattern };
}

/** Return whether anything at all is filtered by. */
export function isFiltered(asked: Asked): boolean {
  return Boolean(asked.q || asked.service || asked.severity || asked.pattern);
}

/** Return the part of a range (ISO ends) that can be asked for at once: its last `days`. */
export function bounded(from: string, to: string, days: number): { from: string; to: string; isCut: boolean } {
  const earliest = Date.parse(to) - days * DAY;
  const isCut = Date.parse(from) < earliest;
  return { from: isCut ? new Date(earliest).toISOString() : from, to, isCut };
}

/** Return the trace id that `text` is, in small letters, or "" if it is none. */
export function traceIdOf(text: string): string {
  const id = text.trim().toLowerCase();
  return /^[0-9a-f]{32}$/.test(id) && !/^0+$/.test(id) ? id : "";
}

/**
 * Return the part of a question that finds lines with the attribute `name` = `value` (or without it), or null where
 * the API's words cannot say that. A value with a quotation mark is looked for by its words in order.
 */
export function pairText(name: string, value: string, isAbsent = false): string | null {
  const minus = isAbsent ? "-" : "";
  if (!/[\p{L}\p{N}]/u.test(value) || value.length > 900) return null;
  if (value.includes('"') || !/^[^\s"=-][^\s"=]*$/.test(name)) return `${minus}"${value.replace(/["\s]+/g, " ").trim()}"`;
  return /\s/.test(value) ? `${minus}${name}="${value}"` : `${minus}${name}=${value}`;
}

/** Return the question `q` with `part` added; the opposite of it leaves. */
export function withPart(q: string, part: string): string {
  const opposite = part.startsWith("-") ? part.slice(1) : `-${part}`;
  const kept = partsOf(q).filter((one) => one !== part && one !== opposite);
  return [...kept, part].join(" ");
}

/** Return the parts of a question, as the API tells them apart. */
export function partsOf(q: string): string[] {
  return q.match(/-?(?:[^\s"=]+=(?=\S))?(?:"[^"]*"?|\S+)/g) ?? [];
}

export interface Loosening {
  label: string;
  /** What the address is changed by; undefined takes a parameter away. */
  changes: Record<string, string | undefined>;
  /** What is asked then. */
  asked: Asked;
}

/** Return what could be taken away from a question that finds nothing, the likeliest first. */
export function looseningsOf(asked: Asked): Loosening[] {
  const found: Loosening[] = [];
  const add = (label: string, name: keyof Asked, value = ""): void => {
    found.push({ label, changes: { [name]: value || undefined }, asked: { ...asked, [name]: value } });
  };
  const parts = partsOf(asked.q);
  if (parts.length > 1) for (const part of parts) add(`Without ${part}`, "q", parts.filter((one) => one !== part).join(" "));
  else if (asked.q) add("Without the words", "q");
  if (asked.severity) add("Any severity", "severity");
  if (asked.service) add("Any service", "service");
  if (asked.pattern) add("Any pattern", "pattern");
  if (found.length > 1) found.push({ label: "No filter", changes: { q: undefined, severity: undefined, service: undefined, pattern: undefined }, asked: NO_FILTER });
  return found.length > MOST_WAYS ? [...found.slice(0, MOST_WAYS - 1), ...found.slice(-1)] : found;
}

/** Return what would be right where the API refuses `q`, in the words of its help. */
export function adviceOn(message: string): string {
  if (message.includes("no letter or digit")) return "Signs alone find nothing: write a word, a number, or name=value.";
  if (message.includes("characters; at most")) return "Shorten the question: a few words of the line are enough.";
  if (message.includes("parts; at most")) return "Use fewer words.";
  return "";
}
