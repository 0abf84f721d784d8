import assert from "node:assert/strict";
import { test } from "node:test";

import { stackedEdges, sumOf, touchedRuns } from "../src/charts/bars.ts";
import { sortedGaps } from "../src/pages/logs/gaps.ts";
import { holesOf, patternRows } from "../src/pages/logs/pattern_rows.ts";
import { askedOf, bounded, filtersOf, looseningsOf, pairText, partsOf, traceIdOf, withPart } from "../src/pages/logs/question.ts";
import { columnsOf, severitiesOf, toggled } from "../src/pages/logs/severity.ts";
import type { Gap, PatternsAnswer, ServicePattern } from "../src/pages/logs/types.ts";

const NOTHING = { q: "", service: "", severity: "", pattern: "" };

test("the address says what is asked, and nonsense in it is left out", () => {
  const asked = askedOf(new URLSearchParams("q=+a+&severity=warn,loud,ERROR&service=web&pattern=ab"));
  assert.deepEqual(asked, { q: "a", service: "web", severity: "error,warn", pattern: "ab" });
  assert.deepEqual(filtersOf(asked), { q: "a", service: "web", severity: "error,warn", template: "ab" });
});

test("a class is put in and taken out, the gravest first", () => {
  assert.equal(toggled("info", "error"), "error,info");
  assert.equal(toggled("error,info", "error"), "info");
  assert.deepEqual(severitiesOf(""), []);
});

test("a range that is too long is asked for its end", () => {
  const [from, to] = ["2026-10-01T00:00:00.000Z", "2026-11-21T00:00:00.000Z"];
  assert.deepEqual(bounded(from, to, 31), { from: "2026-10-21T00:00:00.000Z", to, isCut: true });
  assert.deepEqual(bounded(from, to, 51), { from, to, isCut: false });
});

test("32 hexadecimal digits are a trace id, in whichever case; fewer, more or zeros are none", () => {
  assert.equal(traceIdOf(" 71D2AF613C59D134C2AD570D38B2AC08 "), "71d2af613c59d134c2ad570d38b2ac08");
  for (const text of ["71d2af613c59d134", "g".repeat(32), "0".repeat(32), `${"a".repeat(32)} b`]) assert.equal(traceIdOf(text), "");
});

test("an attribute becomes a part of the question that the API reads as that attribute", () => {
  assert.equal(pairText("http.route", "/orders"), "http.route=/orders");
  assert.equal(pairText("retry", "3 of 5", true), '-retry="3 of 5"');
  assert.equal(pairText("q", 'a "quoted" b'), '"a quoted b"');
  assert.equal(pairText("sp ace", "x"), '"x"');
  assert.equal(pairText("-name", "x"), '"x"');
  for (const value of ["", "---", "x".repeat(1_000)]) assert.equal(pairText("a", value), null);
});

test("a part is added once, and takes its opposite away", () => {
  assert.equal(withPart('timeout "no connection"', "a=1"), 'timeout "no connection" a=1');
  assert.equal(withPart("a=1 b", "a=1"), "b a=1");
  assert.equal(withPart("a=1 b", "-a=1"), "b -a=1");
  assert.equal(withPart('-a="x y"', 'a="x y"'), 'a="x y"');
});

test("a question is split as the API splits it", () => {
  assert.deepEqual(partsOf('pool -"no such" retry="3 of 5" a= "open'), ["pool", '-"no such"', 'retry="3 of 5"', "a=", '"open']);
  assert.deepEqual(partsOf(" "), []);
});

test("each filter can be loosened alone, each word too, and all at last", () => {
  const ways = looseningsOf({ ...NOTHING, q: "a b", service: "web" });
  assert.deepEqual(ways.map((one) => [one.label, one.changes]), [
    ["Without a", { q: "b" }], ["Without b", { q: "a" }], ["Any service", { service: undefined }],
    ["No filter", { q: undefined, severity: undefined, service: undefined, pattern: undefined }],
  ]);
  assert.deepEqual(ways[0]?.asked, { ...NOTHING, q: "b", service: "web" });
  assert.deepEqual(looseningsOf(NOTHING), []);
  assert.equal(looseningsOf({ ...NOTHING, q: "a b c d e f g h i" }).at(-1)?.label, "No filter");
});

test("the gravest class stands at the foot, and a class that does not occur is left out", () => {
  const buckets = [{ start: "", count: 3, severities: { info: 2, error: 1 } }, { start: "", count: 1, severities: { info: 1 } }];
  assert.deepEqual(columnsOf({ interval_s: 60, buckets }), [{ severity: "error", values: [1, 0] }, { severity: "info", values: [2, 1] }]);
});

test("layers stand on each other; what none knows stays unknown", () => {
  assert.deepEqual(stackedEdges([[1, 0, null], [2, 3, null]], 3), [[1, 0, null], [3, 3, null]]);
  assert.deepEqual(stackedEdges([[], [2, 3]], 2), [[null, null], [2, 3]]);
  assert.equal(sumOf([1, null, 2]), 3);
  assert.equal(sumOf([null]), null);
});

test("a stretch of time touches the intervals that it is in, and none that it only meets", () => {
  const grid = { from: 1_000_000, stepS: 60, points: 5 };
  const at = (step: number): number => grid.from + step * 60_000;
  assert.deepEqual(touchedRuns([{ from: at(1), to: at(2) }], grid), [[1, 1]]);
  assert.deepEqual(touchedRuns([{ from: at(0.5), to: at(1.5) }], grid), [[0, 1]]);
  assert.deepEqual(touchedRuns([{ from: at(-9), to: at(1) }, { from: at(4), to: at(99) }], grid), [[0, 0], [4, 4]]);
  assert.deepEqual(touchedRuns([{ from: at(2), to: at(3) }, { from: at(1), to: at(2.5) }], grid), [[1, 2]]);
  assert.deepEqual(touchedRuns([{ from: at(1), to: at(4) }, { from: at(2), to: at(3) }], grid), [[1, 3]]);
  assert.deepEqual(touchedRuns([{ from: at(7), to: at(8) }], grid), []);
});

const pattern = (template: string, changes: Partial<ServicePattern> = {}): ServicePattern => ({
  template, text: `text of ${template}`, severity: "info", count: 3, counts: [1, 2], first_seen: "2026-11-20T00:00:00Z", last_seen: "2026-11-21T00:00:00Z", is_new: true, ...changes,
});
const history = (service: string, patterns: ServicePattern[]): PatternsAnswer => ({ service, from: "", to: "", hours: [], total: patterns.length, patterns });

test("a pattern of several services is one row: trends added, the gravest class, new only where it is new to all", () => {
  const histories = [
    history("web", [pattern("a")]),
    history("orders", [pattern("a", { severity: "error", counts: [5, 0], count: 5, first_seen: "2026-11-14T00:00:00Z", is_new: false })]),
  ];
  const [row] = patternRows([{ template: "a", text: null, count: 8 }], 16, histories, true);
  assert.deepEqual(row, {
    template: "a", text: "text of a", count: 8, share: 0.5, severity: "error", services: ["web", "orders"], trend: [6, 2],
    firstSeen: "2026-11-14T00:00:00Z", lastSeen: "2026-11-21T00:00:00Z", isNew: false,
  });
});

test("with a filter only what it finds is listed, without one all that was counted, without a search that alone", () => {
  const histories = [history("web", [pattern("a"), pattern("b")])];
  const top = [{ template: "a", text: "t", count: 1 }, { template: "z", text: null, count: 2 }];
  assert.deepEqual(patternRows(top, 3, histories, false).map((one) => [one.template, one.trend]), [["z", null], ["a", [1, 2]]]);
  assert.deepEqual(patternRows(top, 3, histories, true).map((one) => one.template), ["b", "z", "a"]);
  assert.deepEqual(patternRows(null, 0, histories, false).map((one) => [one.template, one.count, one.share]), [["a", 3, 0.5], ["b", 3, 0.5]]);
  assert.deepEqual(patternRows([], 0, [], true), []);
});

test("the holes of a pattern are told apart from its words", () => {
  assert.deepEqual(holesOf("within <*> ms"), [{ text: "within ", isHole: false }, { text: "<*>", isHole: true }, { text: " ms", isHole: false }]);
});

const gap = (from: string, reason: Gap["reason"] = "pending"): Gap => ({ from: `2026-11-21T${from}Z`, to: "2026-11-21T18:00:00Z", service: null, reason, objects: 1 });

test("lines of the last two minutes are on their way, older ones are a gap, and so is what is cold or made anew", () => {
  const to = "2026-11-21T18:00:00Z";
  const fresh = [gap("17:59:30"), gap("17:58:00"), gap("17:59:00")];
  assert.deepEqual(sortedGaps(fresh, to), { open: [], since: Date.parse("2026-11-21T17:58:00Z") });
  const grave = [gap("17:57:59"), gap("17:59:59", "rebuilding"), gap("17:59:59", "cold")];
  assert.deepEqual(sortedGaps(grave, to), { open: grave, since: null });
  assert.deepEqual(sortedGaps([], to), { open: [], since: null });
});
