/** What the API of the logs answers; see docs/api/log.yaml. */

export type SeverityName = "unspecified" | "trace" | "debug" | "info" | "warn" | "error" | "fatal";

/** A piece of text: found by the search, or what is around it. */
export interface Part {
  text: string;
  is_found: boolean;
}

export interface Line {
  id: string;
  /** ISO 8601 in UTC with nine digits of the second. */
  time: string;
  observed_time: string | null;
  service: string;
  severity: SeverityName;
  severity_number: number;
  severity_text: string;
  body: string;
  body_json: unknown;
  template: string;
  trace_id: string;
  span_id: string;
  event_name: string;
  scope: string;
  attributes: Record<string, unknown> | null;
  resource: Record<string, unknown> | null;
  /** Fields that are too long to be told whole. */
  cut: string[];
  highlights?: Record<string, Part[][]>;
}

export interface Gap {
  from: string;
  to: string;
  service: string | null;
  reason: "pending" | "rebuilding" | "cold";
  objects: number | null;
}

export interface Bucket {
  start: string;
  count: number;
  severities: Partial<Record<SeverityName, number>>;
}

export interface Counts {
  interval_s: number;
  buckets: Bucket[];
}

export interface TopPattern {
  template: string;
  text: string | null;
  count: number;
}

export interface Facets {
  services: Array<{ service: string; count: number }>;
  severities: Partial<Record<SeverityName, number>>;
}

/** GET /v1/logs; which parts it has, `include` says. */
export interface LogPage {
  from: string;
  to: string;
  order: string;
  total?: number;
  is_total_exact?: boolean;
  hits?: Line[];
  next?: string | null;
  counts?: Counts;
  patterns?: TopPattern[];
  facets?: Facets;
  incomplete: Gap[];
}

/** GET /v1/logs/tail. */
export interface TailAnswer {
  hits: Line[];
  after: string;
  steps_waiting: number;
}

export interface ServicePattern {
  template: string;
  text: string;
  severity: SeverityName;
  count: number;
  counts: number[];
  first_seen: string;
  last_seen: string;
  is_new: boolean | null;
}

/** GET /v1/logs/patterns. */
export interface PatternsAnswer {
  service: string;
  from: string;
  to: string;
  hours: string[];
  total: number;
  patterns: ServicePattern[];
}

/** GET /v1/logs/trace/{trace_id}. */
export interface TraceAnswer {
  trace_id: string;
  from: string;
  to: string;
  lines: Line[];
  objects_listed: number;
  objects_read: number;
  skipped: Array<{ service: string; from: string; to: string; key: string; reason: "cold" | "missing" | "unreadable" | "limit" }>;
  objects_skipped: number;
  is_complete: boolean;
}

/** One of GET /v1/logs/restores. */
export interface Restore {
  id: string;
  service: string;
  from: string;
  to: string;
  phase: "asking" | "waiting" | "back" | "over";
  requested_at: string;
  objects_cold: number;
  bytes_cold: number;
  expected_hours: number;
  objects_asked: number;
  objects_back: number;
  objects_missing: number;
  searchable_until: string | null;
}
