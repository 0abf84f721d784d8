import assert from "node:assert/strict";
import { test } from "node:test";

import { marksOf, usualOf, whyNoBand } from "../src/pages/service/bands.ts";
import { graphSpan, neighboursOf } from "../src/pages/service/neighbours.ts";
import { perSecond, ripeGrid } from "../src/pages/service/ripe.ts";
import { labelOf, metricChart, metricSpan, signalOf } from "../src/pages/service/saturation.ts";
import { slowTraces, traceRows } from "../src/pages/service/traces.ts";

const NOON = Date.parse("2026-11-21T12:00:00Z");
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function answer(stepS: number, points: number, completeTo: number): Parameters<typeof ripeGrid>[0] {
  return { from: new Date(NOON).toISOString(), step_s: stepS, points, complete_to: new Date(completeTo).toISOString() };
}

test("points of minutes and five minutes are drawn once they are closed", () => {
  assert.equal(ripeGrid(answer(60, 10, NOON + 7 * MINUTE), NOON + 9 * MINUTE).points, 7);
  assert.equal(ripeGrid(answer(300, 4, NOON + 15 * MINUTE), NOON + 19 * MINUTE).points, 3);
  assert.equal(ripeGrid(answer(300, 4, NOON + 20 * MINUTE), NOON + 3 * HOUR).points, 4);
});

test("an open hour is drawn after ten minutes, per second of what of it is over", () => {
  assert.equal(ripeGrid(answer(3_600, 3, NOON + 2 * HOUR), NOON + 2 * HOUR + 9 * MINUTE).points, 2);
  const now = NOON + 2 * HOUR + 21 * MINUTE;
  const grid = ripeGrid(answer(3_600, 3, NOON + 2 * HOUR), now);
  assert.equal(grid.points, 3);
  assert.deepEqual(perSecond([7_200, null, 2_400], grid, now), [2, null, 2]); // 21 minutes, the last of which is not counted yet
});

const band = { service: "web", measure: "rate", metric: "", operation: "", unit: "requests/s", expected: [1, 2, 3], low: [0, 1, 2], high: [2, 3, 4], judged: true, reason: "" };
const bands = { from: new Date(NOON).toISOString(), to: "", step_s: 300, points: 3, series: [band, { ...band, measure: "p95", judged: false, reason: "too few requests" }] };

test("a band is brought to the points of the chart by time", () => {
  const grid = { from: NOON + 5 * MINUTE, stepS: 300, points: 3 };
  assert.deepEqual(usualOf(bands, "rate", "", grid), { low: [1, 2, null], high: [3, 4, null] });
  assert.equal(usualOf(bands, "rate", "", { ...grid, stepS: 60 }), undefined);
  assert.equal(usualOf(bands, "rate", "GET /", grid), undefined);
  assert.equal(usualOf(bands, "p95", "", grid), undefined);
  assert.equal(usualOf(undefined, "rate", "", grid), undefined);
});

test("where there is no band, the detector's reason is told", () => {
  assert.equal(whyNoBand(bands, "rate", ""), "");
  assert.equal(whyNoBand(bands, "p95", ""), "too few requests");
  assert.equal(whyNoBand(bands, "rate", "GET /"), "not learned");
  assert.equal(whyNoBand(undefined, "rate", ""), "");
});

test("anomalies mark the chart of their measure, those of other operations do not", () => {
  const one = { measure: "rate", operation: "", first_minute: "2026-11-21T12:00:00Z", last_minute: "2026-11-21T12:04:00Z", reason: "fell", severity: "info" };
  const all = [one, { ...one, operation: "GET /" }, { ...one, measure: "p95" }] as unknown as Parameters<typeof marksOf>[0];
  assert.deepEqual(marksOf(all, ["rate"], ""), [{ from: NOON, to: NOON + 5 * MINUTE, label: "fell", colour: "--degraded" }]);
  assert.equal(marksOf(all, ["rate"], "GET /").length, 2);
  assert.equal(marksOf(all, ["rate"], "GET /other").length, 1);
});

test("what says how full something is, is told by its name, and durations are not it", () => {
  const metric = (name: string, unit = "1"): Parameters<typeof signalOf>[0] => ({ name, unit, kind: "gauge", series: 1, attributes: [], last_seen: "" });
  const found = {
    "db.client.connection.count": "Connections",
    "hikaricp.pool.usage": "Connections",
    "system.cpu.utilization": "CPU",
    "process.cpu.time": "CPU",
    "process.memory.usage": "Memory",
    "jvm.thread.count": "Threads",
    "messaging.queue.depth": "Queues",
    "kafka.consumer.lag": "Queues",
    "http.server.active_requests": "In flight",
    "system.filesystem.usage": "Disk",
    "shop.orders.placed": null,
    "http.server.request.duration": null,
  };
  for (const [name, signal] of Object.entries(found)) assert.equal(signalOf(metric(name)), signal, name);
  assert.equal(signalOf(metric("db.client.connection.wait_time", "ms")), null);
  assert.equal(signalOf(metric("process.cpu.time", "s")), "CPU");
});

test("rows of metrics are asked for in the finest resolution that answers the range", () => {
  const of = (length: number): unknown => metricSpan({ from: NOON - length, to: NOON });
  assert.deepEqual(of(6 * HOUR), { resolution: "minute", stepS: 60, from: NOON - 6 * HOUR, to: NOON });
  assert.deepEqual(of(DAY), { resolution: "hour", stepS: 3_600, from: NOON - DAY, to: NOON });
  assert.deepEqual(of(40 * DAY), { resolution: "day", stepS: 86_400, from: NOON - 31 * DAY, to: NOON });
});

function row(minute: number, changes: object): Parameters<typeof metricChart>[0][number] {
  return { kind: "gauge", unit: "1", attributes: {}, start: new Date(NOON + minute * MINUTE).toISOString(), complete: true, state: "OK", count: 1, sum: 1, mean: 1, maximum: 1, p95: null, ...changes };
}

test("a gauge of one series is drawn by its mean and its highest, with gaps where nothing is known", () => {
  const made = metricChart([row(0, { mean: 2, maximum: 5 }), row(1, { state: "UNKNOWN", mean: null, maximum: null }), row(2, { mean: 3, maximum: 4 })], 60);
  assert.deepEqual(made.grid, { from: NOON, stepS: 60, points: 3 });
  assert.deepEqual(made.lines, [{ label: "highest", values: [5, null, 4] }, { label: "mean", values: [2, null, 3] }]);
});

test("a period that is under way is drawn once something was heard of it", () => {
  const open = { complete: false, state: "UNKNOWN" };
  assert.equal(metricChart([row(0, {}), row(1, open)], 60).grid.points, 1);
  assert.equal(metricChart([row(0, {}), row(1, { complete: false })], 60).grid.points, 2);
});

test("a sum is drawn per second, a histogram by its p95, several series by the highest first", () => {
  assert.deepEqual(metricChart([row(0, { kind: "delta_sum", sum: 120 })], 60).lines, [{ label: "all", values: [2] }]);
  assert.deepEqual(metricChart([row(0, { kind: "histogram", p95: 7 })], 60).lines, [{ label: "all", values: [7] }]);
  const states = Array.from({ length: 8 }, (_, index) => row(0, { attributes: { state: `s${index}` }, maximum: index }));
  const made = metricChart(states, 60);
  assert.deepEqual(made.lines.map((line) => line.label), ["s7", "s6", "s5", "s4", "s3", "s2"]);
  assert.equal(made.left, 2);
  assert.deepEqual(metricChart([], 60).grid.points, 0);
});

test("a series is labelled by the attributes that tell it apart", () => {
  assert.equal(labelOf({}), "all");
  assert.equal(labelOf({ state: "idle" }), "idle");
  assert.equal(labelOf({ zone: "b", state: "idle" }), "state=idle, zone=b");
});

test("slow traces are each told once, slowest first, those of the operation alone", () => {
  const trace = (id: string, value: number): object => ({ trace_id: id, span_id: "s", value, time: "" });
  const rows = [{ operation: "a", kind: "request", exemplar: trace("1", 10) }, { operation: "b", kind: "request", exemplar: trace("2", 30) }, { operation: "", kind: "request", exemplar: null }];
  const totals = [{ operation: "a", kind: "request", exemplar: trace("1", 10) }, { operation: "a", kind: "client", exemplar: trace("3", 99) }];
  const found = (operation: string): string[] => slowTraces(rows as never, totals as never, operation, "request").map((one) => `${one.trace_id}${one.operation}`);
  assert.deepEqual(found(""), ["2b", "1a"]);
  assert.deepEqual(found("a"), ["1a"]);
  assert.equal(traceRows({ from: NOON - 3 * DAY, to: NOON }).resolution, "hour");
  assert.deepEqual(traceRows({ from: NOON - 60 * DAY, to: NOON }), { resolution: "day", from: NOON - 31 * DAY, to: NOON });
});

test("neighbours are the direct callers and callees, busiest first; a queue of the same name is another thing", () => {
  const edge = (caller: string, callee: string, calls: number, kind = "service"): object => ({ caller, callee, callee_kind: kind, calls_per_minute: calls });
  const edges = [edge("a", "web", 1), edge("b", "web", 2), edge("web", "db", 3, "database"), edge("web", "web", 4, "queue"), edge("db", "x", 5), edge("c", "web", 9, "queue")];
  const { callers, callees } = neighboursOf(edges as never, "web");
  assert.deepEqual(callers.map((one) => one.caller), ["b", "a"]);
  assert.deepEqual(callees.map((one) => one.callee_kind), ["queue", "database"]);
  assert.equal(graphSpan({ from: NOON - 6 * HOUR, to: NOON }).isCut, false);
  assert.deepEqual(graphSpan({ from: NOON - 2 * DAY, to: NOON }), { from: NOON - 6 * HOUR, to: NOON, isCut: true });
});
