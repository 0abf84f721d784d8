import assert from "node:assert/strict";
import test from "node:test";

import type { Dump } from "../src/lib/backup.ts";
import { isDone, isUnderWay, toldOf, withWish } from "../src/pages/backup/again.ts";
import type { Wish } from "../src/pages/backup/again.ts";

function dump(proof: string, verdict: Dump["verdict"] = "proven"): Dump {
  return {
    dump_id: "a.dump", key: "dumps/a.dump", bytes: 1, taken_at: "2026-11-21T06:00:00Z", arrived_at: "2026-11-21T06:00:20Z", origin: "opsloop", format: "custom", verdict, reason: null,
    verified_at: null, verification_id: proof, proven_at: null, restore_s: null, rows: null, size_bytes: null, legal_hold: false, locked_until: null, deleted_at: null,
  };
}

const ASKED: Wish = { dump: "a.dump", state: "asked", proof: "second", why: "" };

test("a proof is done once the dump has its verdict, and not by the one before", () => {
  assert.equal(isDone(ASKED, [dump("first")]), false);
  assert.equal(isDone(ASKED, [dump("second")]), true);
  assert.equal(isDone(ASKED, []), false);
  assert.equal(isDone({ ...ASKED, state: "refused" }, [dump("second")]), false);
});

test("until then nothing new can be asked for; what was refused can", () => {
  assert.deepEqual([undefined, ASKED, { ...ASKED, state: "asking" as const }, { ...ASKED, state: "refused" as const }].map((one) => isUnderWay(one, [dump("first")])), [false, true, true, false]);
  assert.equal(isUnderWay(ASKED, [dump("second")]), false);
});

test("the words never say that a dump was proven before it was", () => {
  assert.equal(toldOf(ASKED, [dump("first")], "UTC"), "The dump of 21 Nov, 06:00 is being proven again. Its verdict comes here; the one before stays.");
  assert.equal(toldOf(ASKED, [dump("second", "failed")], "UTC"), "The dump of 21 Nov, 06:00 was restored again: failed.");
  assert.equal(toldOf({ ...ASKED, state: "refused", why: "it was deleted" }, [], "UTC"), "The dump is not proven again: it was deleted");
});

test("of each dump the last wish counts", () => {
  assert.deepEqual(withWish([ASKED], { ...ASKED, state: "refused" }).map((one) => one.state), ["refused"]);
  assert.equal(withWish([ASKED], { ...ASKED, dump: "b.dump" }).length, 2);
});
