/** A service's figures over the whole range: what may be added up is, percentiles are not. */

import type { Column, KpiSeries } from "../../lib/types.ts";

export interface Totals {
  requests: number | null;
  errorRatio: number | null;
  /** Of the newest point that is known: percentiles of a range cannot be made of percentiles. */
  p95: number | null;
}

/** Return the totals of one series; null where nothing is known. */
export function totalsOf(series: KpiSeries | undefined): Totals {
  const requests = sum(series?.requests);
  const errors = sum(series?.errors);
  const known = (series?.p95_ms ?? []).filter((value) => value !== null);
  return {
    requests,
    errorRatio: requests && errors !== null ? errors / requests : null,
    p95: known[known.length - 1] ?? null,
  };
}

function sum(column: Column | undefined): number | null {
  const known = (column ?? []).filter((value) => value !== null);
  return known.length > 0 ? known.reduce((one, other) => one + other, 0) : null;
}
