import assert from "node:assert/strict";
import { test } from "node:test";

import { changedQuery, hrefOf, matchPath, placeOf } from "../src/lib/url.ts";

test("a link carries the time along, and nothing else", () => {
  const now = new URLSearchParams("from=now-1h&to=now&tz=UTC&q=secret");
  assert.equal(hrefOf("/services/web", {}, now), "/console/services/web?from=now-1h&to=now&tz=UTC");
  assert.equal(hrefOf("/", { from: "now-3h" }, now), "/console?to=now&tz=UTC&from=now-3h");
  assert.equal(hrefOf("/logs", { q: "a&b=c", service: undefined }), "/console/logs?q=a%26b%3Dc");
});

test("a place is below the console, wherever slashes are", () => {
  assert.equal(placeOf({ pathname: "/console", search: "" }).path, "/");
  assert.equal(placeOf({ pathname: "/console/", search: "" }).path, "/");
  assert.equal(placeOf({ pathname: "/console/logs/", search: "?q=x" }).query.get("q"), "x");
  assert.equal(placeOf({ pathname: "/consoles/logs", search: "" }).path, "/");
});

test("names in a path come back as they were, whatever they hold", () => {
  for (const name of ["web", "a/b", "<img src=x onerror=alert(1)>", "ünï ✓", "50%", "..", "a?b#c"]) {
    const { path } = placeOf({ pathname: `/console/services/${encodeURIComponent(name)}`, search: "" });
    assert.deepEqual(matchPath("/services/:service", path), { service: name });
  }
  assert.equal(matchPath("/services/:service", "/services/"), null);
  assert.equal(matchPath("/services/:service", "/services/a/b"), null);
  assert.equal(matchPath("/services/:service", "/services/%E0%A4%A"), null);
});

test("changing a parameter leaves the others, and empty ones go", () => {
  const query = new URLSearchParams("q=x&service=web");
  assert.equal(changedQuery(query, { service: undefined, severity: "error" }).toString(), "q=x&severity=error");
  assert.equal(query.toString(), "q=x&service=web");
});
