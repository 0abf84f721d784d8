/** What the API answers of exercises, and how far one is. */

import type { Condition } from "../components/state.tsx";

export type StepState = "todo" | "begun" | "done" | "skipped" | "failed";

export interface Step {
  n: number;
  phase: string;
  do: string;
  target_minutes: number | null;
  state: StepState;
  begun_at: string | null;
  settled_at: string | null;
  minutes: number | null;
  said: Array<{ state: StepState; by: string; at: string; note: string }>;
}

export interface Achieved {
  database: string;
  rto_s: number | null;
  rto_target_s: number;
  rto: string;
  rpo_s: number | null;
  rpo_target_s: number;
  rpo: string;
  recovered_to: string | null;
}

export interface ExerciseBrief {
  id: string;
  disaster: string;
  quarter: string;
  state: "running" | "finished" | "abandoned";
  /** "" while it runs or where it was abandoned. */
  result: "" | "passed" | "failed" | "unknown";
  started_at: string;
  started_by: string;
  ended_at: string | null;
  steps_settled: number;
  steps_count: number;
  rto_s: number | null;
  databases: Achieved[];
}

export interface Exercise extends ExerciseBrief {
  description: string;
  steps: Step[];
  restorable: Array<{ database: string; dump_id: string | null; taken_at: string | null; age_s: number | null; expected_restore_s: number | null }>;
  ended_by: string;
  note: string;
}

export interface DisasterStanding {
  disaster: string;
  databases: string[];
  standing: "done" | "due" | "overdue" | "unknown";
  quarter: string;
  last_quarter: string | null;
  running: string | null;
}

export interface Exercises {
  quarter: string;
  disasters: DisasterStanding[];
  exercises: ExerciseBrief[];
}

const STATES: Record<StepState, Condition> = { todo: "unknown", begun: "degraded", done: "healthy", skipped: "degraded", failed: "anomalous" };
/** What may be said of a step next; the API holds the same. */
const NEXT: Record<StepState, StepState[]> = {
  todo: ["begun", "done", "skipped", "failed"],
  begun: ["done", "skipped", "failed"],
  failed: ["begun", "done", "skipped"],
  skipped: ["begun", "done"],
  done: [],
};
export const SAY: Record<StepState, string> = { todo: "to do", begun: "Begin", done: "Done", skipped: "Skip", failed: "Failed" };
export const PHASES: Record<string, string> = { assess: "Assess", fail_over: "Fail over", validate: "Validate", communicate: "Communicate" };

/** Return how a step is shown. */
export function stepCondition(state: StepState): Condition {
  return Object.hasOwn(STATES, state) ? STATES[state] : "unknown";
}

/** Return what may be said of a step in `state`. */
export function sayable(state: StepState): StepState[] {
  return Object.hasOwn(NEXT, state) ? NEXT[state] : [];
}

/** Return how an exercise is shown, and its word; only one that passed looks healthy. */
export function outcomeOf(one: Pick<ExerciseBrief, "state" | "result">): { condition: Condition; text: string } {
  if (one.state === "running") return { condition: "degraded", text: "running" };
  if (one.state === "abandoned") return { condition: "unknown", text: "abandoned" };
  if (one.result === "passed") return { condition: "healthy", text: "passed" };
  return one.result === "failed" ? { condition: "anomalous", text: "failed" } : { condition: "unknown", text: "UNKNOWN" };
}

/** Return how a disaster stands in the quarter. */
export function standingOf(standing: DisasterStanding["standing"]): { condition: Condition; text: string } {
  if (standing === "done") return { condition: "healthy", text: "exercised" };
  if (standing === "due") return { condition: "degraded", text: "due" };
  return standing === "overdue" ? { condition: "anomalous", text: "overdue" } : { condition: "unknown", text: "UNKNOWN, never exercised" };
}
