/** What the API answers about one service, as far as this page alone reads it. */

import type { SeriesAnswer } from "../../lib/types.ts";

export type Kind = "request" | "client" | "producer" | "internal";

/** GET /v1/kpis/series: points that end at or before `complete_to` are closed. */
export interface RipeningAnswer extends SeriesAnswer {
  complete_to: string;
}

/** GET /v1/kpis/heatmap. */
export interface HeatmapAnswer {
  from: string;
  to: string;
  step_s: number;
  points: number;
  complete_to: string;
  bounds_ms: number[];
  counts: Array<number[] | null>;
}

export interface Exemplar {
  trace_id: string;
  span_id: string;
  value: number;
  time: string;
}

export interface OperationTotals {
  operation: string;
  kind: Kind;
  requests: number;
  errors: number;
  error_ratio: number;
  p50_ms: number;
  p95_ms: number;
  p99_ms: number;
  time_ms: number;
  share_of_requests: number;
  share_of_errors: number | null;
  share_of_time: number | null;
  exemplar: Exemplar | null;
}

/** GET /v1/kpis/operations. */
export interface OperationsAnswer {
  state: "OK" | "UNKNOWN";
  operations: OperationTotals[];
}

export interface SentMetric {
  name: string;
  kind: string;
  unit: string;
  series: number;
  attributes: string[];
  last_seen: string;
}

/** GET /v1/kpis/metrics. */
export interface MetricsAnswer {
  metrics: SentMetric[];
}

/** One of GET /v1/kpis?kpi=metric:<name>. */
export interface MetricRow {
  kind: string;
  unit: string;
  attributes: Record<string, string>;
  start: string;
  complete: boolean;
  state: "OK" | "UNKNOWN";
  count: number | null;
  sum: number | null;
  mean: number | null;
  maximum: number | null;
  p95: number | null;
}

/** One of GET /v1/kpis?kpi=exemplar; operation "" where an hour was silent. */
export interface ExemplarRow {
  operation: string;
  kind: Kind;
  exemplar: Exemplar | null;
}

export interface Edge {
  caller: string;
  callee: string;
  callee_kind: "service" | "database" | "queue" | "external";
  kind: "call" | "message";
  calls_per_minute: number;
  error_ratio: number;
  p50_ms: number | null;
  p95_ms: number | null;
}

/** GET /v1/graph. */
export interface GraphAnswer {
  from: string;
  to: string;
  edges: Edge[];
}

export interface Pattern {
  template: string;
  text: string;
  severity: string;
  count: number;
  counts: number[];
  first_seen: string;
  is_new: boolean | null;
}

/** GET /v1/logs/patterns. */
export interface PatternsAnswer {
  from: string;
  to: string;
  hours: string[];
  total: number;
  patterns: Pattern[];
}
