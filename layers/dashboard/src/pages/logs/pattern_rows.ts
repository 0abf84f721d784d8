/** Patterns of several services put together: how often, how that went, since when, and what is new. */

import { SEVERITIES } from "./severity.ts";
import type { PatternsAnswer, ServicePattern, SeverityName, TopPattern } from "./types.ts";

export interface PatternRow {
  template: string;
  /** Null where it is not known any more. */
  text: string | null;
  count: number;
  /** 0 to 1, of all lines that are counted. */
  share: number;
  /** The greatest class; null where nothing is known of the pattern's history. */
  severity: SeverityName | null;
  services: string[];
  /** Per hour, of all its lines; null where not known. */
  trend: number[] | null;
  firstSeen: string | null;
  lastSeen: string | null;
  isNew: boolean;
}

/**
 * Return one row per pattern, the most frequent first. `top` are the patterns of a search with their counts, of `total`
 * lines; null where nothing could be searched. `histories` are what was counted per service, all with the same hours.
 * Where `isWhole` (the search has no filter but the service), patterns that `top` left out are added from there.
 */
export function patternRows(top: TopPattern[] | null, total: number, histories: PatternsAnswer[], isWhole: boolean): PatternRow[] {
  const known = new Map<string, PatternRow>();
  for (const history of histories) {
    for (const one of history.patterns) known.set(one.template, together(known.get(one.template), one, history.service));
  }
  const rows: PatternRow[] = (top ?? []).map(({ template, text, count }) => {
    const row = known.get(template);
    return row ? { ...row, text: text ?? row.text, count } : unknownRow(template, text, count);
  });
  if (isWhole || top === null) {
    const told = new Set(rows.map((one) => one.template));
    rows.push(...[...known.values()].filter((one) => !told.has(one.template)));
  }
  const whole = Math.max(total, rows.reduce((sum, one) => sum + one.count, 0));
  for (const row of rows) row.share = whole > 0 ? row.count / whole : 0;
  return rows.sort((one, other) => other.count - one.count || one.template.localeCompare(other.template));
}

function together(row: PatternRow | undefined, one: ServicePattern, service: string): PatternRow {
  if (!row) {
    const { template, text, count, severity } = one;
    return { template, text, count, share: 0, severity, services: [service], trend: [...one.counts], firstSeen: one.first_seen, lastSeen: one.last_seen, isNew: one.is_new === true };
  }
  return {
    ...row,
    count: row.count + one.count,
    severity: row.severity && SEVERITIES.indexOf(row.severity) <= SEVERITIES.indexOf(one.severity) ? row.severity : one.severity,
    services: [...row.services, service],
    trend: one.counts.map((count, index) => count + (row.trend?.[index] ?? 0)),
    firstSeen: row.firstSeen !== null && row.firstSeen < one.first_seen ? row.firstSeen : one.first_seen,
    lastSeen: row.lastSeen !== null && row.lastSeen > one.last_seen ? row.lastSeen : one.last_seen,
    isNew: row.isNew && one.is_new === true,
  };
}

function unknownRow(template: string, text: string | null, count: number): PatternRow {
  return { template, text, count, share: 0, severity: null, services: [], trend: null, firstSeen: null, lastSeen: null, isNew: false };
}

/** Return the text of a pattern in parts; `isHole` where any value stands. */
export function holesOf(text: string): Array<{ text: string; isHole: boolean }> {
  return text.split(/(<\*>)/).filter((one) => one !== "").map((one) => ({ text: one, isHole: one === "<*>" }));
}
