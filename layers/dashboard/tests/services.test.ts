import assert from "node:assert/strict";
import { test } from "node:test";

import { totalsOf } from "../src/pages/services/totals.ts";

const series = { service: "web", operation: "", kind: "request" };

test("requests and errors add up, percentiles do not", () => {
  assert.deepEqual(totalsOf({ ...series, requests: [10, null, 30], errors: [1, null, 1], p95_ms: [5, 9, null] }), { requests: 40, errorRatio: 0.05, p95: 9 });
});

test("nothing known is nothing, and no requests have no share of errors", () => {
  assert.deepEqual(totalsOf(undefined), { requests: null, errorRatio: null, p95: null });
  assert.deepEqual(totalsOf({ ...series, requests: [null], errors: [null], p95_ms: [null] }), { requests: null, errorRatio: null, p95: null });
  assert.deepEqual(totalsOf({ ...series, requests: [0], errors: [0], p95_ms: [null] }), { requests: 0, errorRatio: null, p95: null });
});
