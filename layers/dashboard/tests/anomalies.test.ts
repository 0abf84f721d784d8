import assert from "node:assert/strict";
import { test } from "node:test";

import { anomalyValue, aroundOf, measureText, stretchOf, timesText, titleOf, whenText } from "../src/lib/anomaly.ts";
import type { Group } from "../src/lib/condition.ts";
import type { Anomaly, BandsAnswer } from "../src/lib/types.ts";
import { choicesOf, effectsOf, effectsText, noteOf, sectionsOf } from "../src/pages/anomalies/sections.ts";
import { onwardOf } from "../src/pages/anomaly/onward.ts";
import { columnsOf, withBand } from "../src/pages/anomaly/series.ts";
import type { AnomalyDetail, Point } from "../src/pages/anomaly/types.ts";
import { votesOf, withoutVotes } from "../src/pages/anomaly/votes.ts";
import { asThen, callsOf, counted, errorClassOf, idOf, keyOf, lastDay, spreadOf, widthOf } from "../src/pages/map/graph.ts";
import type { GraphEdge } from "../src/pages/map/graph.ts";

const NOW = Date.parse("2026-11-21T18:20:00Z");
const MINUTE = 60_000;

const anomaly = (id: string, more: Partial<Anomaly> = {}): Anomaly =>
  ({
    anomaly_id: id, service: "web", measure: "error_ratio", metric: "", operation: "", direction: "high", state: "ended", severity: "warning", score: 0.7,
    value: 0.34, expected: 0.0072, low: 0, high: 0.04, unit: "ratio", reason: id, part: "alone", origin_id: "", origin_service: "", votes: {}, contributing: [], exemplar: null,
    first_minute: "2026-11-21T17:50:00Z", last_minute: "2026-11-21T18:04:00Z", effects: [], preset: "", ...more,
  });
const effect = (id: string, origin: string, more: Partial<Anomaly> = {}): Anomaly => anomaly(id, { part: "effect", origin_id: origin, origin_service: "payments", ...more });
const groupOf = (head: Anomaly, ...effects: Anomaly[]): Group => ({ head, effects });

test("the list begins with what goes on, the worst on top, and a group goes on while anything in it does", () => {
  const all = [
    anomaly("20261121T1700-a", { severity: "critical" }),
    anomaly("20261121T1710-b", { state: "open", severity: "info" }),
    anomaly("20261121T1720-c", { part: "origin", origin_id: "20261121T1720-c", severity: "critical" }),
    effect("20261121T1730-d", "20261121T1720-c", { state: "open" }),
    anomaly("20261121T1740-e"),
  ];
  const { open, ended } = sectionsOf(all, { service: "", measure: "", state: "" });
  assert.deepEqual(open.map((one) => one.head.anomaly_id), ["20261121T1720-c", "20261121T1710-b"]);
  assert.deepEqual(ended.map((one) => one.head.anomaly_id), ["20261121T1740-e", "20261121T1700-a"]);
  assert.equal(noteOf(open), "3 in 2 groups");
  assert.equal(noteOf(ended), "2");
});

test("filters select, and an effect whose origin is filtered away stands for itself", () => {
  const all = [anomaly("o", { service: "payments", part: "origin", origin_id: "o" }), effect("e", "o"), effect("p", "o", { measure: "p95" })];
  const heads = (wanted: { service?: string; measure?: string; state?: string }): string[] => {
    const { open, ended } = sectionsOf(all, { service: "", measure: "", state: "", ...wanted });
    return [...open, ...ended].map((one) => one.head.anomaly_id);
  };
  assert.deepEqual(heads({}), ["o"]);
  assert.deepEqual(heads({ service: "web" }), ["p", "e"]);
  assert.deepEqual(heads({ service: "web", measure: "p95" }), ["p"]);
  assert.deepEqual(heads({ state: "open" }), []);
  assert.deepEqual(choicesOf(all, "service"), ["payments", "web"]);
});

test("effects are read on from the origin: services as they were reached, the worst of each first", () => {
  const group = groupOf(
    anomaly("o", { service: "payments" }),
    effect("w1", "o", { service: "web", first_minute: "2026-11-21T17:55:00Z", severity: "info" }),
    effect("w2", "o", { service: "web", first_minute: "2026-11-21T18:00:00Z", severity: "critical" }),
    effect("p1", "o", { service: "orders", first_minute: "2026-11-21T17:50:00Z", state: "open" }),
  );
  assert.deepEqual(effectsOf(group).map((one) => one.anomaly_id), ["p1", "w2", "w1"]);
  assert.equal(effectsText(group), "3 effects in orders and web, 1 goes on");
  assert.equal(effectsText(groupOf(anomaly("o"), effect("x", "o"))), "1 effect in web");
  assert.equal(effectsText(groupOf(anomaly("o"), effect("x", "o", { state: "open" }), effect("y", "o", { state: "open" }))), "2 effects in web, all go on");
});

test("an anomaly has a short name", () => {
  assert.equal(titleOf(anomaly("a")), "web: errors high");
  assert.equal(titleOf(anomaly("a", { measure: "p95", operation: "POST /charges" })), "web: latency, p95 of POST /charges high");
  assert.equal(titleOf(anomaly("a", { measure: "rate", direction: "low" })), "web: requests low");
  assert.equal(titleOf(anomaly("a", { measure: "silence", direction: "silent" })), "web: silent");
  assert.equal(titleOf(anomaly("a", { measure: "pattern", metric: "f00d" })), "web: more lines of a log pattern");
  assert.equal(measureText({ measure: "saturation", metric: "system.cpu.utilization", operation: "" }), "Saturation of system.cpu.utilization");
  assert.equal(measureText({ measure: "of_tomorrow", metric: "", operation: "" }), "of_tomorrow");
});

test("how far off it was is told in times, percent, or not at all", () => {
  assert.equal(timesText(0.343, 0.00729), "47 times the usual");
  assert.equal(timesText(5, 2), "2.5 times the usual");
  assert.equal(timesText(130, 100), "30 % above the usual");
  assert.equal(timesText(80, 100), "20 % below the usual");
  assert.equal(timesText(4.6, 23.8), "19 % of the usual");
  assert.equal(timesText(0, 3), "none at all");
  for (const [value, expected] of [[null, 1], [1, null], [1, 0], [null, null]] as const) assert.equal(timesText(value, expected), "");
});

test("values carry their unit in few letters", () => {
  assert.equal(anomalyValue(4.6, "requests/min"), "4.6 /min");
  assert.equal(anomalyValue(5.8, "lines/min"), "5.8 lines a min");
  assert.equal(anomalyValue(0.343, "ratio"), "34 %");
  assert.equal(anomalyValue(null, "ms"), "–");
});

test("when it was is told with the day unless it is today's, and its last minute is within it", () => {
  assert.deepEqual(stretchOf(anomaly("a")), { from: Date.parse("2026-11-21T17:50:00Z"), to: Date.parse("2026-11-21T18:05:00Z") });
  assert.equal(whenText(anomaly("a"), NOW, "UTC"), "17:50 – 18:05, 15 min");
  assert.equal(whenText(anomaly("a", { state: "open" }), NOW, "UTC"), "since 17:50, 30 min");
  const old = anomaly("a", { first_minute: "2026-11-19T23:50:00Z", last_minute: "2026-11-20T00:09:00Z" });
  assert.equal(whenText(old, NOW, "UTC"), "19 Nov, 23:50 – 20 Nov, 00:10, 20 min");
});

test("what lies around an anomaly never reaches beyond now, and up to now while it goes on", () => {
  const { from, to } = stretchOf(anomaly("a"));
  assert.deepEqual(aroundOf(anomaly("a"), NOW, 10 * MINUTE), { from: from - 10 * MINUTE, to: to + 10 * MINUTE });
  assert.equal(aroundOf(anomaly("a"), NOW).to, NOW);
  assert.equal(aroundOf(anomaly("a", { state: "open" }), NOW, MINUTE).to, NOW);
});

const point = (start: string, value: number | null, high: number | null = null): Point => ({ start: `2026-11-21T${start}:00Z`, value, expected: high === null ? null : 1, low: high === null ? null : 0, high });

test("points lie on a regular grid, and what is missing between them is unknown", () => {
  const columns = columnsOf([point("17:50", 1, 2), point("18:00", 3, 4)], 5);
  assert.deepEqual(columns?.grid, { from: Date.parse("2026-11-21T17:50:00Z"), stepS: 300, points: 3 });
  assert.deepEqual(columns?.value, [1, null, 3]);
  assert.deepEqual(columns?.high, [2, null, 4]);
  assert.equal(columns?.hasBand, true);
  assert.equal(columnsOf([point("17:50", 1)], 5)?.hasBand, false);
  assert.equal(columnsOf([], 5), null);
});

test("today's band is laid under the same times, in the anomaly's unit", () => {
  const columns = columnsOf([point("17:50", 60), point("17:55", 70)], 5);
  const series = { service: "web", measure: "rate", metric: "", unit: "requests/s", judged: true, reason: "", low: [1, 1, 1, 1], expected: [2, 2, 2, 2] };
  const answer: BandsAnswer = {
    from: "2026-11-21T17:45:00Z", to: "2026-11-21T18:05:00Z", step_s: 300, points: 4,
    series: [{ ...series, operation: "GET /", high: [9, 9, 9, 9] }, { ...series, operation: "", high: [3, 4, null, 6] }],
  };
  assert.ok(columns);
  const found = withBand(columns, answer, { metric: "", operation: "", unit: "requests/min" });
  assert.deepEqual([found.high, found.expected, found.hasBand], [[240, null], [120, 120], true]);
  assert.equal(withBand(columns, undefined, { metric: "", operation: "", unit: "" }), columns);
  assert.equal(withBand(columns, { ...answer, step_s: 60 }, { metric: "", operation: "", unit: "" }), columns);
});

test("votes say what they look at and whether one was enough", () => {
  const said = votesOf({ zscore: 0.17, shift: 0.61, drift: 0 }, "");
  assert.deepEqual(said.map((vote) => [vote.name, vote.said]), [["Jump", "adds to the others"], ["Shift", "enough alone"], ["Drift", "nothing unusual"]]);
  assert.deepEqual(votesOf({}, "pool").slice(-1).map((vote) => [vote.name, vote.said]), [["Preset pool", "crossed"]]);
  assert.match(withoutVotes({ measure: "silence", votes: {} }), /always heard/);
  assert.match(withoutVotes({ measure: "pattern", votes: { zscore: 0 } }), /never seen before/);
  assert.equal(withoutVotes({ measure: "pattern", votes: { zscore: 0.4 } }), "");
});

const detail = (more: Partial<Anomaly> = {}): AnomalyDetail => ({ ...anomaly("20261121T1750-a", more), effects: [], origin: null, series: { bucket_minutes: 5, history_from: "", why_no_band: "", points: [] }, feedback: [] });

test("one goes on to logs, service and map of that time, and to a trace where there is one", () => {
  const links = onwardOf(detail({ exemplar: { trace_id: "ab", span_id: "cd", value: 1 } }), NOW);
  assert.deepEqual(links.map((one) => one.path), ["/logs", "/services/web", "/map", "/logs/trace/ab"]);
  assert.deepEqual(links[0]?.parameters, { from: "2026-11-21T17:40:00Z", to: "2026-11-21T18:15:00Z", service: "web", severity: "warn,error,fatal" });
  assert.equal(links[2]?.parameters["node"], "web");
  const hostile = onwardOf(detail({ service: "../a?b#c", measure: "pattern", metric: "f00d" }), NOW);
  assert.equal(hostile[1]?.path, "/services/..%2Fa%3Fb%23c");
  assert.equal(hostile[0]?.parameters["pattern"], "f00d");
});

const edge = (caller: string, callee: string, more: Partial<GraphEdge> = {}): GraphEdge => ({ caller, callee, callee_kind: "service", kind: "call", calls_per_minute: 10, error_ratio: 0, p50_ms: 1, p95_ms: 2, sampled: 5, is_exact: false, ...more });

test("calls of a pair are one line: rates added, errors weighted, unknown ones left out", () => {
  const [first, second] = callsOf([edge("a", "b", { error_ratio: 0.1 }), edge("a", "b", { kind: "message", calls_per_minute: 30, error_ratio: 0.5 }), edge("a", "b", { callee_kind: "queue", error_ratio: null })]);
  assert.equal(first?.perMinute, 40);
  assert.ok(Math.abs((first?.errorRatio ?? 0) - 0.4) < 1e-12);
  assert.deepEqual([second?.to, second?.errorRatio], ["queue:b", null]);
  assert.deepEqual([idOf("service", "b"), idOf("queue", "b"), idOf("service", "queue:b")], ["b", "queue:b", "service:queue:b"]);
});

test("lines differ by errors in three classes and grow with the square root of the rate", () => {
  assert.deepEqual([0, 0.0099, 0.01, 0.0499, 0.05, 1, null].map(errorClassOf), ["few", "few", "some", "some", "many", "many", "unknown"]);
  assert.equal(widthOf(100, 100), 6);
  assert.ok(Math.abs(widthOf(25, 100) - 3.7) < 1e-12);
  assert.equal(widthOf(0, 0), 1.4);
});

test("effects are traced along the calls between an origin and what it reached, and nowhere else", () => {
  const calls = callsOf([edge("web", "orders"), edge("orders", "payments"), edge("web", "search"), edge("payments", "payments")]);
  const groups = [groupOf(anomaly("o", { service: "payments", part: "origin" }), effect("e", "o", { service: "orders" }), effect("f", "o", { service: "web" }))];
  const spread = spreadOf(groups, calls);
  assert.deepEqual([...spread.origins].map(([name, one]) => [name, one.reached]), [["payments", ["orders", "web"]]]);
  assert.deepEqual([...spread.lines], [keyOf("web", "orders"), keyOf("orders", "payments")]);
  assert.deepEqual([...spread.reached], ["orders", "web"]);
  assert.equal(spreadOf([groupOf(anomaly("alone"))], calls).origins.size, 0);
});

test("while the range follows the clock only what goes on counts; a past range counts all that lay in it", () => {
  const groups = [groupOf(anomaly("a")), groupOf(anomaly("b", { state: "open" })), groupOf(anomaly("c"), effect("d", "c", { state: "open" }))];
  assert.deepEqual(counted(groups, true).map((one) => one.head.anomaly_id), ["b", "c"]);
  assert.equal(counted(groups, false).length, 3);
  assert.deepEqual(asThen([anomaly("a")], false).map((one) => one.state), ["open"]);
  assert.deepEqual(asThen([anomaly("a")], true).map((one) => one.state), ["ended"]);
});

test("the graph is asked for a day at most, and that is said where it matters", () => {
  const to = NOW;
  assert.deepEqual(lastDay({ from: to - 3_600_000, to }), { from: to - 3_600_000, to, isCut: false });
  assert.deepEqual(lastDay({ from: to - 86_400_000 - 4 * MINUTE, to }), { from: to - 86_400_000, to, isCut: false });
  assert.equal(lastDay({ from: to - 7 * 86_400_000, to }).isCut, true);
});
