/** What the API says of opsloop itself, as far as this page reads it. `null` is UNKNOWN. */

import type { Column } from "../../lib/types.ts";

export type CheckStatus = "pass" | "warn" | "fail";

export interface Check {
  component: string;
  status: CheckStatus;
  time: string;
  value: number | string | null;
  unit: string;
  output: string;
}

export interface Ringing {
  name: string;
  what: string;
  function: string | null;
  runbook: string | null;
  since: string | null;
  reason: string;
}

export interface PlatformFunction {
  name: string;
  capability: string;
  stack: string;
  trigger: string;
  effect: string;
  invocations: number | null;
  errors: number | null;
  throttles: number | null;
  error_ratio: number | null;
  p50_ms: number | null;
  p95_ms: number | null;
  last_run_at: string | null;
  memory_mb: number | null;
  timeout_s: number | null;
  runtime: string | null;
  architecture: string | null;
  deployed_at: string | null;
  series: { invocations: Column; errors: Column; throttles: Column; p50_ms: Column; p95_ms: Column };
  reason: string;
}

export interface Queue {
  name: string;
  function: string | null;
  is_dead_letters: boolean;
  messages: number | null;
  in_flight: number | null;
  oldest_age_s?: number | null;
  runbook: string | null;
  state: string;
  reason: string;
}

export interface Setting {
  name: string;
  value: string | null;
  is_default: boolean;
  meaning: string;
}

export interface Configuration {
  stage: string;
  region: string;
  version: string;
  runtimes: string[];
  architectures: string[];
  search: { kind: string | null; endpoint: string | null };
  retention_days: Record<string, number>;
  catalog: {
    services: number;
    owners: string[];
    streams: Record<string, number>;
    channels: Array<{ name: string; kind: string; min_severity: string; services: string[] | null }>;
  };
  functions: Array<{ name: string; is_known: boolean; settings: Setting[] }>;
}

export interface Sum {
  usd: number | null;
  projected_usd: number | null;
  unknown_lines: number;
}

export interface CostLine {
  capability: string;
  resource: string;
  unit: string;
  quantity: number | null;
  usd: number | null;
  projected_usd: number | null;
  reason: string;
}

export interface Cost extends Sum {
  month: string;
  to: string;
  is_charged: boolean;
  measured_hours: number;
  hours_left: number;
  capabilities: Array<Sum & { capability: string }>;
  resources: Array<Sum & { resource: string; capability: string }>;
  lines: CostLine[];
  prices: { region: string; as_of: string; note: string; usd: Record<string, number>; sources: string[] };
  not_included: string[];
}

/** GET /v1/platform. */
export interface Platform {
  measured_at: string | null;
  metrics_at: string | null;
  age_s: number | null;
  is_stale: boolean;
  faults: Record<string, string>;
  health: { status: CheckStatus; probed_at: string | null; checks: Check[] };
  alarms: { counts: { alarm: number; ok: number; unknown: number } | null; reason: string; ringing: Ringing[] };
  grid: { from: string; step_s: number; points: number } | null;
  functions: PlatformFunction[];
  stream: { iterator_age_ms: Column; incoming_bytes: Column; incoming_records: Column; refused_records: Column; shards: number | null };
  api: { requests: Column; client_errors: Column; server_errors: Column };
  queues: Queue[];
  redrive: string;
  configuration: Configuration;
  cost: Cost;
}

export interface Quarantined {
  key: string;
  source: string;
  kind: string;
  reason: string;
  arrived_at: string;
  size_bytes: number;
  part: "whole" | "part";
  part_of: string | null;
  signal: string | null;
  content_type: string | null;
  content_encoding: string | null;
  correlation_id: string | null;
  state: "open" | "replayed";
  replayed_at: string | null;
  replayed_items: number | null;
  replayed_by: string | null;
}

/** GET /v1/quarantine. */
export interface QuarantinePage {
  objects: Quarantined[];
  counts: { objects: number; by_kind: Record<string, number>; by_source: Record<string, number>; is_complete: boolean } | null;
  next: string | null;
}

/** GET /v1/quarantine/item. */
export interface QuarantinedInFull extends Quarantined {
  preview: { bytes: number; hex: string; text: string };
  reading: {
    outcome: "readable" | "partly_readable" | "unreadable" | "too_old";
    form: string;
    signals: string[];
    items: number;
    services: Record<string, number>;
    refused: Array<{ kind: string; reason: string; size_bytes: number }>;
    refused_parts: number;
    reason: string;
  };
}

/** POST /v1/quarantine/replay. */
export interface ReplayResults {
  results: Array<{ key: string; result: string; items: number; refused_parts: number; reason: string }>;
  counts: Record<string, number>;
  items: number;
  dry_run: boolean;
}

export type DeliveryState = "sending" | "sent" | "waiting" | "undeliverable" | "unclear" | "superseded";

export interface Delivery {
  id: string;
  topic: string;
  told: "detected" | "ended" | "failed" | "test";
  channel: string;
  state: DeliveryState;
  service: string;
  severity: string;
  subject: string;
  reason: string;
  attempts: number;
  may_have_arrived: boolean;
  created_at: string;
  changed_at: string;
  due_at: string | null;
}

export interface Sender {
  user_agent: string;
  product: string;
  version: string;
  signal: string;
  form: string;
  encoding: string;
  key_id: string;
  requests: number;
  first_seen: string;
  last_seen: string;
}

/** GET /v1/telemetry/cardinality. */
export interface Cardinality {
  service: string;
  limit: number;
  hour: string;
  series: number;
  overflowed: number;
  without_attributes: number;
  metrics: Array<{ metric: string; kind: string; operation: string; series: number }>;
  dimensions: Array<{ name: string; values: number; series: number; after: number; saves: number; examples: string[]; is_allowed: boolean }>;
  patterns: Array<{ pattern: string; operations: number; after: number; saves: number; examples: string[] }>;
  steps: Array<{ drop: string; before: number; after: number }>;
}

export interface ApiKey {
  key_id: string;
  name: string;
  scopes: string[];
  state: "valid" | "revoked" | "expired";
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
}
