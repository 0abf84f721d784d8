import assert from "node:assert/strict";
import { test } from "node:test";

import { keyIn, placeToComeBack, reasonText, refusalText } from "../src/lib/session_key.ts";

const KEY = `opsloop_${"0a".repeat(6)}_${"1b".repeat(32)}`;

test("a key is found in whatever line it was copied with", () => {
  for (const line of [KEY, ` ${KEY}\n`, `admin key: ${KEY}`, `Authorization: Bearer ${KEY}`, `"read_key": "${KEY}",`]) {
    assert.equal(keyIn(line), KEY);
  }
});

test("what holds no key is sent as it is, to be refused", () => {
  for (const text of ["", "opsloop_wrong", KEY.slice(0, -1), `${KEY}0`, KEY.toUpperCase()]) assert.equal(keyIn(` ${text} `), text);
});

test("a refusal says what the API said, a failure does not blame the key", () => {
  assert.equal(refusalText(401, "this key is not known here"), "Refused: this key is not known here.");
  assert.match(refusalText(429, "10 wrong keys within a minute; try again in 38 s"), /^Too many attempts: .*38 s\.$/);
  assert.doesNotMatch(refusalText(503, "access table does not answer"), /Refused/);
  assert.equal(refusalText(0, "opsloop's API could not be reached."), "opsloop's API could not be reached.");
});

test("why the provider's way ended is said in words, also a reason that is not known yet", () => {
  assert.equal(reasonText(""), "");
  assert.match(reasonText("no_role"), /no role/);
  assert.equal(reasonText("<b>"), reasonText("failed"));
});

test("coming back leads to the same view, without what only signing in needs", () => {
  assert.equal(placeToComeBack("/console/logs", "?q=a%26b&sign_in=failed&tz=UTC"), "/console/logs?q=a%26b&tz=UTC");
  assert.equal(placeToComeBack("/console", "?sign_in=failed"), "/console");
});
