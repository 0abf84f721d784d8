/** What the API answers of one anomaly, and of the messages about it. */

import type { Anomaly, AnomalyBrief } from "../../lib/types.ts";

export interface Point {
  start: string;
  value: number | null;
  expected: number | null;
  low: number | null;
  high: number | null;
}

export interface Feedback {
  anomaly_id: string;
  verdict: Verdict;
  note: string;
  by: string;
  at: string;
}

export type Verdict = "useful" | "noise";

/** GET /v1/anomalies/{id}. */
export interface AnomalyDetail extends Omit<Anomaly, "effects"> {
  effects: AnomalyBrief[];
  origin: AnomalyBrief | null;
  series: { bucket_minutes: number; history_from: string; why_no_band: string; points: Point[] };
  feedback: Feedback[];
}

/** One message on one channel. */
export interface Delivery {
  id: string;
  topic: string;
  told: string;
  channel: string;
  state: "sending" | "sent" | "waiting" | "undeliverable" | "unclear" | "superseded";
  severity: string;
  subject: string;
  reason: string;
  attempts: number;
  created_at: string;
  changed_at: string;
  due_at: string | null;
}
