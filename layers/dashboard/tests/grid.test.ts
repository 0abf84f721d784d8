import assert from "node:assert/strict";
import { test } from "node:test";

import { completePoints, csvOf, lonePoints, quoted, summaryOf, unknownRuns } from "../src/charts/grid.ts";

test("what no column knows is an unknown run, and what one knows is not", () => {
  assert.deepEqual(unknownRuns([[1, null, null, 2], [null, null, null, 3]], 4), [[1, 2]]);
  assert.deepEqual(unknownRuns([[null, null]], 2), [[0, 1]]);
  assert.deepEqual(unknownRuns([[0, 0]], 2), []);
});

test("a known point between unknown ones is alone, one beside another is not", () => {
  assert.deepEqual(lonePoints([1, null, 0, null, 2, 3, null, 4]), [0, 2, 7]);
  assert.deepEqual(lonePoints([]), []);
});

test("a summary leaves out what is unknown, and knows nothing of nothing", () => {
  assert.deepEqual(summaryOf([4, null, 2, null]), { last: 2, least: 2, most: 4, mean: 3 });
  assert.deepEqual(summaryOf([null]), { last: null, least: null, most: null, mean: null });
});

test("CSV quotes by RFC 4180 and disarms formulas", () => {
  assert.equal(quoted('a "b", c'), '"a ""b"", c"');
  assert.equal(quoted("=cmd()"), "'=cmd()");
  assert.equal(csvOf([0], [{ label: "p95, ms", values: [null] }]), 'time,"p95, ms"\r\n1970-01-01T00:00:00.000Z,\r\n');
});

test("open points are left out, and one is always left", () => {
  const answer = { from: "2026-11-21T18:00:00Z", step_s: 300, points: 4 };
  assert.equal(completePoints({ ...answer, complete_to: "2026-11-21T18:15:00Z" }), 3);
  assert.equal(completePoints({ ...answer, complete_to: "2026-11-21T18:17:00Z" }), 3);
  assert.equal(completePoints({ ...answer, complete_to: "2026-11-21T19:00:00Z" }), 4);
  assert.equal(completePoints({ ...answer, complete_to: "2026-11-21T17:00:00Z" }), 1);
});
