import assert from "node:assert/strict";
import { test } from "node:test";

import { bandPath, highestOf, linePath } from "../src/charts/sparkline_path.ts";
import { conditionOf, grouped, measureCondition } from "../src/lib/condition.ts";
import type { AnomaliesAnswer, Anomaly, Service } from "../src/lib/types.ts";
import { changesOf } from "../src/pages/overview/changes.ts";

const NOW = Date.parse("2026-11-21T18:00:00Z");
const service = (name: string, more: Partial<Service> = {}): Service => ({
  service: name, state: "OK", tier: 1, owner: "", contact: "", environment: "", description: "", is_declared: true,
  first_seen: "2026-11-01T00:00:00Z", last_seen: "2026-11-21T17:59:00Z", ...more,
});
const anomaly = (id: string, more: Partial<Anomaly> = {}): Anomaly =>
  ({
    anomaly_id: id, service: "web", measure: "error_ratio", reason: id, state: "open", severity: "warning", part: "alone", origin_id: "",
    first_minute: "2026-11-21T17:50:00Z", last_minute: "2026-11-21T17:54:00Z", effects: [], ...more,
  }) as Anomaly;
const answer = (anomalies: Anomaly[], unknown: AnomaliesAnswer["unknown"] = []): AnomaliesAnswer => ({ from: "", to: "", judged_to: "2026-11-21T17:55:00Z", anomalies, unknown, next: null });

test("a service is as its worst open anomaly, and healthy only if it is judged", () => {
  assert.equal(conditionOf(service("web"), answer([])), "healthy");
  assert.equal(conditionOf(service("web"), answer([anomaly("a", { severity: "info" })])), "degraded");
  assert.equal(conditionOf(service("web"), answer([anomaly("a", { severity: "info" }), anomaly("b")])), "anomalous");
  assert.equal(conditionOf(service("web"), answer([anomaly("a", { state: "ended" }), anomaly("b", { service: "orders" })])), "healthy");
});

test("silence, no judgement and no answer are UNKNOWN, never healthy", () => {
  assert.equal(conditionOf(service("web", { state: "UNKNOWN" }), answer([])), "unknown");
  assert.equal(conditionOf(service("web"), undefined), "unknown");
  for (const who of ["web", "*"]) assert.equal(conditionOf(service("web"), answer([], [{ service: who, measure: "", metric: "", reason: "" }])), "unknown");
  assert.equal(conditionOf(service("web"), answer([], [{ service: "web", measure: "p95", metric: "", reason: "" }])), "healthy");
});

test("a measure is as its own anomalies are", () => {
  const all = answer([anomaly("a"), anomaly("b", { measure: "p95", severity: "info" }), anomaly("c", { measure: "rate", state: "ended" })]);
  assert.deepEqual(["error_ratio", "p95", "rate"].map((measure) => measureCondition("web", measure, all)), ["anomalous", "degraded", "healthy"]);
});

test("effects stand under their origin, and alone where it is not known", () => {
  const all = [anomaly("e1", { origin_id: "o" }), anomaly("o", { origin_id: "o" }), anomaly("e2", { origin_id: "gone" })];
  assert.deepEqual(grouped(all).map(({ head, effects }) => [head.anomaly_id, effects.map((one) => one.anomaly_id)]), [["o", ["e1"]], ["e2", []]]);
});

test("what changed is of one day, newest first, without effects", () => {
  const changes = changesOf(
    [service("new", { first_seen: "2026-11-21T10:00:00Z" }), service("gone", { state: "UNKNOWN", last_seen: "2026-11-21T12:00:00Z" }), service("old")],
    [anomaly("now"), anomaly("was", { state: "ended", first_minute: "2026-11-20T17:00:00Z", last_minute: "2026-11-20T18:30:00Z" }), anomaly("effect", { part: "effect" })],
    NOW,
  );
  assert.deepEqual(changes.map((one) => [new Date(one.at).toISOString().slice(0, 16), one.condition]), [
    ["2026-11-21T17:50", "anomalous"], ["2026-11-21T12:00", "unknown"], ["2026-11-21T10:00", "healthy"], ["2026-11-20T18:31", "healthy"],
  ]);
});

test("a sparkline leaves gaps where nothing is known, and a lone point is seen", () => {
  assert.equal(linePath([0, 10, null, 10], 10, 30, 10), "M0.0,10.0L10.0,0.0M30.0,0.0h0.6");
  assert.equal(linePath([null, null], 10, 30, 10), "");
  assert.equal(linePath([20], 10, 30, 10), "M15.0,0.0h0.6");
  assert.equal(bandPath([0, null, 0, 0], [10, 10, 10, 10], 10, 30, 10), "M20.0,0.0L30.0,0.0L30.0,10.0L20.0,10.0Z");
  assert.equal(highestOf([[1, null, 7], undefined], 2), 7);
  assert.equal(highestOf([[null]], 2), 2);
});
