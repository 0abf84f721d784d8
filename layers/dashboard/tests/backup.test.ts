import assert from "node:assert/strict";
import test from "node:test";

import { conditionOf, lengthText, shareOf, wordOf } from "../src/lib/backup.ts";
import { outcomeOf, sayable, standingOf, stepCondition } from "../src/lib/exercise.ts";
import type { ExerciseBrief } from "../src/lib/exercise.ts";
import type { Dump } from "../src/lib/backup.ts";
import { placesOf, ticksOf, toldOf } from "../src/pages/backup/timeline.ts";
import { columnOf, gridOfHistory, objectiveBeside, resolutionOf } from "../src/pages/backup/trends.ts";
import type { Point } from "../src/pages/backup/trends.ts";

const DAY = 86_400_000;
const START = Date.parse("2026-11-20T00:00:00Z");

function dump(takenAt: string, verdict: Dump["verdict"], verifiedAt: string | null = null): Dump {
  return {
    dump_id: takenAt, key: takenAt, bytes: 1, taken_at: takenAt, arrived_at: takenAt, origin: "opsloop", format: "custom", verdict, reason: null,
    verified_at: verifiedAt, verification_id: "", proven_at: null, restore_s: null, rows: null, size_bytes: null, legal_hold: false, locked_until: null, deleted_at: null,
  };
}

test("only what is met or proven looks healthy, and words of which nothing is known are unknown", () => {
  assert.deepEqual(["met", "proven"].map(conditionOf), ["healthy", "healthy"]);
  assert.deepEqual(["missed", "failed"].map(conditionOf), ["anomalous", "anomalous"]);
  assert.deepEqual(["unknown", "", "green", "constructor", null].map(conditionOf), ["unknown", "unknown", "unknown", "unknown", "unknown"]);
  assert.equal(conditionOf("restorable"), "degraded");
});

test("a dump that nobody has verified yet says so", () => {
  assert.equal(wordOf({ verdict: null }), "not verified yet");
  assert.equal(wordOf({ verdict: "unknown" }), "UNKNOWN");
});

test("lengths have two units at most, and a dash where nothing is known", () => {
  assert.deepEqual([0, 2.44, 9.96, 75, 3_600, 104_400].map(lengthText), ["0 s", "2.4 s", "10 s", "1 min", "1 h", "1 d 5 h"]);
  assert.deepEqual([null, undefined, Number.NaN].map(lengthText), ["–", "–", "–"]);
});

test("a share needs both the value and an objective above zero", () => {
  const share = (measured: number | null, objective: number | null, figures = {}): number | null => shareOf({ measured, objective, figures });
  assert.equal(share(450, 900), 0.5);
  assert.deepEqual([shareOf(undefined), share(null, 900), share(1, null), share(1, 0)], [null, null, null, null]);
  assert.deepEqual([share(450, 900, { worst_s: 1_800 }), share(450, 900, { worst_s: 90 }), share(450, 900, { worst_s: "1800" })], [2, 0.5, 0.5]);
});

test("dumps lie where they were taken, oldest first, those outside the span nowhere", () => {
  const span = { from: START, to: START + DAY };
  const places = placesOf([dump("2026-11-20T18:00:00Z", "proven", "2026-11-20T21:00:00Z"), dump("2026-11-20T06:00:00Z", "failed", "2026-11-21T06:00:00Z"), dump("2026-11-21T00:00:00Z", null), dump("2026-11-19T23:59:59Z", null)], span);
  assert.deepEqual(places.map((one) => [one.left, one.verifiedLeft]), [[25, null], [75, 87.5]]);
});

test("dumps are counted by verdict, the best first, and none is left out", () => {
  assert.equal(toldOf([dump("a", "failed"), dump("b", "proven"), dump("c", null), dump("d", "proven"), dump("e", "unknown")]), "5 dumps: 2 proven, 1 failed, 1 unknown, 1 not verified yet");
  assert.equal(toldOf([dump("a", "restorable")]), "1 dump: 1 restorable");
  assert.equal(toldOf([]), "0 dumps");
});

test("labels stand in the middles of equal parts", () => {
  assert.deepEqual(ticksOf({ from: 0, to: 600 }, 3), [100, 300, 500]);
});

test("history lies on whole hours or days of the span, with nulls between its points", () => {
  const span = { from: START + 30 * 60_000, to: START + 3 * 3_600_000 + 1 };
  const point = (at: string, bytes: number | null): Point => ({ at, standing: "met", bytes, size_bytes: null, rpo_s: null, rpo_worst_s: null, rto_p50_s: null, rto_p95_s: null, age_s: null, proof_age_s: null });
  const history = { from: "", to: "", resolution: "hour" as const, points: [point("2026-11-20T00:15:00Z", 5), point("2026-11-20T00:45:00Z", 6), point("2026-11-20T02:59:59Z", 7), point("2026-11-20T09:00:00Z", 8), point("2026-11-19T23:00:00Z", 4)] };
  const grid = gridOfHistory(history, span);
  assert.deepEqual(grid, { from: START, stepS: 3_600, points: 4 });
  assert.deepEqual(columnOf(history, grid, "bytes"), [6, null, 7, null]);
  assert.deepEqual([32, 33].map((days) => resolutionOf({ from: START, to: START + days * DAY })), ["hour", "day"]);
});

test("an objective is drawn only where it does not squeeze the values, and is unknown where they all are", () => {
  assert.deepEqual(objectiveBeside(100, [[20, null, 5], [null, null, 7]]), [100, null, 100]);
  assert.equal(objectiveBeside(101, [[20, null, 5], [null, null, 7]]), null);
  assert.equal(objectiveBeside(10, [[null], [null]]), null);
});

test("only an exercise that passed looks healthy, and only a disaster that was exercised", () => {
  const shown = (state: ExerciseBrief["state"], result: ExerciseBrief["result"]): string => outcomeOf({ state, result }).condition;
  assert.deepEqual([shown("finished", "passed"), shown("finished", "failed"), shown("finished", "unknown"), shown("finished", ""), shown("abandoned", ""), shown("running", "")], ["healthy", "anomalous", "unknown", "unknown", "unknown", "degraded"]);
  assert.deepEqual((["done", "due", "overdue", "unknown"] as const).map((one) => standingOf(one).condition), ["healthy", "degraded", "anomalous", "unknown"]);
});

test("a step that is done cannot be said otherwise, one that failed can be begun again", () => {
  assert.deepEqual(sayable("done"), []);
  assert.ok(sayable("failed").includes("begun"));
  assert.deepEqual([stepCondition("done"), stepCondition("todo"), stepCondition("failed")], ["healthy", "unknown", "anomalous"]);
});
