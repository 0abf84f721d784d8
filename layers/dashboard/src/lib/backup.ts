/** What the API answers of backups, and how standings and verdicts are shown. */

import type { Condition } from "../components/state.tsx";
import { durationText } from "./time.ts";

export type Standing = "met" | "missed" | "unknown";
export type Verdict = "proven" | "restorable" | "failed" | "unknown";

export interface Check {
  standing: Standing;
  sentence: string;
  measured: number | null;
  objective: number | null;
  unit: "s" | "bytes";
  by: string;
  advice: string[];
  follows: string;
  figures: Record<string, unknown>;
}

export type CheckName = "freshness" | "proof" | "rpo" | "rto" | "size" | "sources";

export interface Forecast {
  why_not: string;
  restore_s: number | null;
  restore_low_s: number | null;
  restore_high_s: number | null;
  size_bytes: number | null;
  sentence: string;
}

export interface Recoverable {
  until: string;
  age_s: number;
  by: string;
  is_proven: boolean;
  dump_id: string;
  proven_at: string | null;
  restore_s: number | null;
}

export interface Dump {
  dump_id: string;
  key: string;
  bytes: number;
  taken_at: string;
  arrived_at: string;
  origin: "opsloop" | "elsewhere";
  format: string;
  verdict: Verdict | null;
  reason: string | null;
  verified_at: string | null;
  verification_id: string;
  proven_at: string | null;
  restore_s: number | null;
  rows: number | null;
  size_bytes: number | null;
  legal_hold: boolean;
  locked_until: string | null;
  deleted_at: string | null;
  deleted_why?: string;
}

export interface Failure {
  what: "take" | "verification";
  at: string;
  reason: string;
  detail: string;
  verification_id: string;
  dump_id: string;
}

export interface Source {
  kind: string;
  name: string;
  standing: Standing;
  sentence: string;
  newest_backup_at: string | null;
  archive_until: string | null;
  backups: number;
  bytes: number | null;
  errors: string[];
}

export interface Database {
  database: string;
  description: string;
  service: string;
  tier: number;
  every_h: number;
  format: string;
  retention: string;
  legal_hold: boolean;
  is_taken_here: boolean;
  rpo_s: number;
  rto_s: number;
  next_due: string;
  judged_at: string | null;
  standing: Standing;
  since: string | null;
  summary: string;
  checks: Partial<Record<CheckName, Check>>;
  recoverable: Recoverable[];
  newest_dump: Dump | null;
  newest_proof: Dump | null;
  last_failure: Failure | null;
  sources: Source[];
}

/** GET /v1/backups/verifications/{id}. */
export interface Verification {
  verification_id: string;
  dump_id: string;
  database: string;
  cause: string;
  verdict: Verdict;
  reason: string | null;
  detail: string;
  started_at: string;
  ended_at: string;
  taken_at: string | null;
  phases: Array<{ name: string; seconds: number }>;
  findings: Array<{ reason: string; where: string; expected: string; found: string }>;
  compared: Record<string, number>;
  messages: string[];
  dump_bytes?: number;
  sha256?: string;
  restored_bytes?: number;
  peak_memory_bytes?: number;
  engine_version?: string;
  dump_version?: string;
  where?: string;
  restore_s: number;
}

/** GET /v1/backups/{database}. */
export interface DatabaseWhole extends Database {
  takes: Array<{ slot: string; state: string; why?: string; attempts?: number; requested_at?: string }>;
  verifications: Verification[];
  assertions: string[];
}

const CONDITIONS: Record<Standing | Verdict, Condition> = {
  met: "healthy",
  missed: "anomalous",
  unknown: "unknown",
  proven: "healthy",
  restorable: "degraded",
  failed: "anomalous",
};

/** Return how a standing or a verdict is shown; what is not known, or not one of them, is never healthy. */
export function conditionOf(word: string | null): Condition {
  return word !== null && Object.hasOwn(CONDITIONS, word) ? CONDITIONS[word as Standing] : "unknown";
}

/** Return how a dump is shown, and the word for it: one that nobody has verified yet is unknown. */
export function wordOf(dump: Pick<Dump, "verdict">): string {
  if (dump.verdict === null) return "not verified yet";
  return dump.verdict === "unknown" ? "UNKNOWN" : dump.verdict;
}

/** Return a length in seconds for people, a dash where it is not known; tenths below ten seconds. */
export function lengthText(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  return Math.abs(seconds) < 9.95 ? `${Number(seconds.toFixed(1))} s` : durationText(seconds * 1_000);
}

/** Return the worst that is to be expected, where the check tells one that is worse than what is measured now. */
export function worstOf(check: Pick<Check, "measured" | "figures"> | undefined): number | null {
  const worst = check?.figures["worst_s"];
  return typeof worst === "number" && worst > (check?.measured ?? 0) ? worst : null;
}

/** Return what share of its objective a value takes, at worst; null where it or the objective is not known. */
export function shareOf(check: Pick<Check, "measured" | "objective" | "figures"> | undefined): number | null {
  if (!check || check.measured === null || check.objective === null || check.objective <= 0) return null;
  return (worstOf(check) ?? check.measured) / check.objective;
}
