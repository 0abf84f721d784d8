import assert from "node:assert/strict";
import { test } from "node:test";

import { excerpt, marked } from "../src/pages/logs/highlight.ts";
import { appended, clockText, jsonLines, offsetOf, oneLine, previewOf, renewed, rowsOf, textOf, totalText, unseen, visible } from "../src/pages/logs/lines.ts";
import { arrived, EMPTY_TAIL, released, waitAfter } from "../src/pages/logs/tail.ts";
import type { Line } from "../src/pages/logs/types.ts";

const line = (id: string, changes: Partial<Line> = {}): Line => ({
  id, time: "2026-11-21T18:02:58.591337524Z", observed_time: null, service: "web", severity: "error", severity_number: 17, severity_text: "ERROR", body: id, body_json: null,
  template: "", trace_id: "", span_id: "", event_name: "", scope: "", attributes: null, resource: null, cut: [], ...changes,
});
const ids = (lines: readonly Line[]): string => lines.map((one) => one.id).join("");
const several = (text: string): Line[] => [...text].map((one) => line(one));

test("older lines come after those that are held, each once", () => {
  assert.equal(ids(appended(several("dcb"), several("cba"))), "dcba");
  assert.equal(ids(unseen(several("dcb"), several("edc"))), "e");
});

test("newer lines come before those that are held; where they do not meet, they stand alone", () => {
  assert.equal(ids(renewed(several("cba"), several("edc"))), "edcba");
  assert.equal(ids(renewed(several("cba"), several("fe"))), "fe");
  assert.equal(ids(renewed([], several("fe"))), "fe");
  assert.equal(ids(renewed(several("cba"), []))  , "cba");
  assert.equal(ids(renewed(several("cba"), several("edc"), 3)), "edc");
});

test("a time is told in the zone with its milliseconds, cut and not rounded", () => {
  assert.equal(clockText("2026-11-21T18:02:58.591999999Z", "UTC"), "18:02:58.591");
  assert.equal(clockText("2026-11-21T18:02:58Z", "Asia/Tokyo"), "03:02:58.000");
  assert.equal(clockText("2026-11-21T18:02:58.5Z", "Asia/Tokyo", true), "22 Nov 03:02:58.500");
});

test("offsets are exact to the nanosecond", () => {
  assert.equal(offsetOf("2026-11-21T18:02:58.592300000Z", "2026-11-21T18:02:58.591337524Z"), 0.962476);
  assert.equal(offsetOf("2026-11-21T18:03:00Z", "2026-11-21T18:02:59.000000001Z"), 999.999999);
});

test("what cannot be seen is made visible, and what can be read stays", () => {
  assert.equal(visible("\u202egpj.exe\u2066\u0007\x1b[31m"), "\\u202egpj.exe\\u2066\\x07\\x1b[31m");
  assert.equal(visible("a\tb\nc"), "a\tb\nc");
  assert.equal(visible("<b>مرحبا</b> zażółć 👩‍🚀"), "<b>مرحبا</b> zażółć 👩‍🚀");
});

test("a row is one line and bounded", () => {
  assert.equal(oneLine("a\r\nb\tc"), "a ↵ b c");
  assert.equal(oneLine("x".repeat(100_000), 10), `${"x".repeat(10)}…`);
});

test("a line is one line of text and one of JSON, without what the search marked", () => {
  const one = line("a", { body: "first\nsecond\x1b[2J", trace_id: "ab", highlights: { body: [] } });
  assert.equal(textOf(one), "2026-11-21T18:02:58.591337524Z ERROR web first ↵ second\\x1b[2J trace_id=ab");
  const lines = jsonLines([one, line("b")]).split("\n");
  assert.deepEqual(lines.map((text) => (JSON.parse(text) as Line).id), ["a", "b"]);
  assert.equal("highlights" in (JSON.parse(lines[0] ?? "") as Line), false);
});

test("a structure is rows with dotted names, texts as they are, the rest as JSON", () => {
  assert.deepEqual(rowsOf({ a: { b: 1, c: [true, { d: "x y" }] }, e: null, f: "" }), [
    { name: "a.b", value: "1" }, { name: "a.c", value: "true" }, { name: "a.c.d", value: "x y" }, { name: "f", value: "" },
  ]);
  assert.deepEqual(rowsOf(null), []);
});

test("a preview has whole pairs as far as they go", () => {
  assert.equal(previewOf(line("a", { attributes: { m: "GET", s: 200 } })), "m=GET  s=200");
  assert.equal(previewOf(line("a", { attributes: { m: "GET", s: 200 } }), 8), "m=GET  …");
});

test("a total that is not exact says so, and one that is not told is empty", () => {
  assert.equal(totalText({ total: 10_000, is_total_exact: false }), "more than 10\u202f000");
  assert.equal(totalText({ total: 3, is_total_exact: true }), "3");
  assert.equal(totalText({}), "");
});

const found = (text: string): { text: string; is_found: boolean } => ({ text, is_found: true });
const rest = (text: string): { text: string; is_found: boolean } => ({ text, is_found: false });

test("found words are told apart in the whole text, repeated ones where they are", () => {
  const pieces = [[rest("a "), found("x")], [found("x"), rest(" z")]];
  assert.deepEqual(marked("x z a x b x z", pieces), [rest("x z "), rest("a "), found("x"), rest(" b "), found("x"), rest(" z")]);
  assert.deepEqual(marked("cut sho", [[found("short")]]), [rest("cut sho")]);
  assert.deepEqual(marked("", []), [rest("")]);
});

test("a row of a long line begins shortly before the first found word, and has all of a short one", () => {
  const text = `${"y ".repeat(1_000)}needle and more`;
  const parts = excerpt(text, [[found("needle")]], 200);
  assert.equal(parts[0]?.text, "…");
  assert.equal(parts.map((one) => one.text).join(""), `…${"y ".repeat(30)}needle and more`);
  assert.deepEqual(excerpt("a needle", [[found("needle")]], 200), [rest("a "), found("needle")]);
  assert.equal(excerpt("z".repeat(100_000), [], 50).map((one) => one.text).join("").length, 51);
});

test("a tail shows what arrives on top, newest first, each line once", () => {
  const held = arrived(arrived(EMPTY_TAIL, several("ab"), false), several("bcd"), false);
  assert.deepEqual([ids(held.lines), held.waiting.length, held.dropped], ["dcba", 0, 0]);
});

test("while somebody reads, what is shown does not move, and nothing is lost", () => {
  const read = arrived(arrived(EMPTY_TAIL, several("ab"), false), several("cd"), true);
  assert.deepEqual([ids(read.lines), ids(read.waiting)], ["ba", "dc"]);
  assert.equal(ids(released(read).lines), "dcba");
  assert.equal(ids(arrived(read, several("e"), false).lines), "edcba");
});

test("a tail is bounded, and counts what went", () => {
  const full = arrived(arrived(EMPTY_TAIL, several("abc"), false, 4), several("defg"), false, 4);
  assert.deepEqual([ids(full.lines), full.dropped], ["gfed", 3]);
  const waiting = arrived(EMPTY_TAIL, several("abcdef"), true, 4);
  assert.deepEqual([ids(waiting.waiting), waiting.dropped], ["fedc", 2]);
});

test("attempts come after ever longer waits, fifteen seconds at most", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 50].map(waitAfter), [0, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
});
