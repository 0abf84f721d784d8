/** What the API answers, as far as several pages read it; the whole truth is /openapi.json. */

export interface Service {
  service: string;
  state: "OK" | "UNKNOWN";
  tier: number;
  owner: string;
  contact: string;
  environment: string;
  description: string;
  is_declared: boolean;
  first_seen: string | null;
  last_seen: string | null;
}

export type Column = Array<number | null>;

/** GET /v1/kpis/series: one row of `series` per service and operation, columns on one grid of times. */
export interface SeriesAnswer {
  from: string;
  to: string;
  step_s: number;
  points: number;
  /** Points that begin at this time or later are not over yet. */
  complete_to: string;
  series: KpiSeries[];
}

export interface KpiSeries {
  service: string;
  operation: string;
  kind: string;
  requests?: Column;
  errors?: Column;
  error_ratio?: Column;
  p50_ms?: Column;
  p90_ms?: Column;
  p95_ms?: Column;
  p99_ms?: Column;
}

/** GET /v1/anomalies/bands. */
export interface BandsAnswer {
  from: string;
  to: string;
  step_s: number;
  points: number;
  series: BandSeries[];
}

export interface BandSeries {
  service: string;
  measure: string;
  metric: string;
  operation: string;
  unit: string;
  expected: Column;
  low: Column;
  high: Column;
  judged: boolean;
  reason: string;
}

export interface AnomalyBrief {
  anomaly_id: string;
  service: string;
  measure: string;
  reason: string;
}

export interface Anomaly extends AnomalyBrief {
  direction: "high" | "low" | "silent";
  state: "open" | "ended";
  severity: "info" | "warning" | "critical";
  score: number;
  value: number | null;
  expected: number | null;
  low: number | null;
  high: number | null;
  unit: string;
  first_minute: string;
  last_minute: string;
  metric: string;
  operation: string;
  votes: Record<string, number>;
  contributing: Array<{ operation: string; share: number; value: number | null; expected: number | null }>;
  exemplar: { trace_id: string; span_id: string; value: number } | null;
  part: "origin" | "effect" | "alone";
  origin_id: string;
  origin_service: string;
  effects: string[];
  preset: string;
}

export interface Unknown {
  service: string;
  measure: string;
  metric: string;
  reason: string;
}

/** GET /v1/anomalies. */
export interface AnomaliesAnswer {
  from: string;
  to: string;
  judged_to: string | null;
  anomalies: Anomaly[];
  unknown: Unknown[];
  next: string | null;
}
