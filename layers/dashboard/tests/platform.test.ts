import assert from "node:assert/strict";
import { test } from "node:test";

import { barsOf } from "../src/pages/platform/cost_bars.ts";
import { fitting } from "../src/pages/platform/narrow.ts";
import { sharedSettings } from "../src/pages/platform/settings.ts";
import type { Platform } from "../src/pages/platform/types.ts";
import { checkName, checkValue, conditionOfCheck, conditionOfDelivery, expiryOf, mayResend, monthText, quantityText, resultText, runbookAddress, smallDollarText } from "../src/pages/platform/words.ts";

test("a state that nobody knows is UNKNOWN, never healthy", () => {
  assert.equal(conditionOfCheck("pass"), "healthy");
  assert.equal(conditionOfCheck("fail"), "anomalous");
  assert.equal(conditionOfCheck("new word"), "unknown");
  assert.equal(conditionOfDelivery("sent"), "healthy");
  assert.equal(conditionOfDelivery("unclear"), "unknown");
  assert.equal(conditionOfDelivery("new word"), "unknown");
});

test("only what may not have arrived is sent again", () => {
  const states = ["sent", "sending", "waiting", "undeliverable", "unclear", "superseded"];
  assert.deepEqual(states.filter(mayResend), ["undeliverable", "unclear"]);
});

test("a check is called by what it looks at", () => {
  assert.equal(checkName("kpi_table:status"), "kpi table");
  assert.equal(checkName("fold:lag"), "fold lag");
});

test("what a check saw has its unit", () => {
  assert.equal(checkValue({ value: 58.4, unit: "s" }), "58.4 s");
  assert.equal(checkValue({ value: 1_320, unit: "s" }), "22 min");
  assert.equal(checkValue({ value: 2, unit: "channels" }), "2 channels");
  assert.equal(checkValue({ value: "ACTIVE", unit: "" }), "ACTIVE");
  assert.equal(checkValue({ value: null, unit: "s" }), "–");
});

test("parts of a cent are told, and nothing known is a dash", () => {
  assert.equal(smallDollarText(12.345), "$12.35");
  assert.equal(smallDollarText(0.0021), "$0.0021");
  assert.equal(smallDollarText(0.00004), "< $0.0001");
  assert.equal(smallDollarText(0), "$0.00");
  assert.equal(smallDollarText(null), "–");
});

test("quantities stand in the unit of their price", () => {
  assert.equal(quantityText(1.5, "S3 GB-month"), "1.4 GiB");
  assert.equal(quantityText(1_755, "Lambda request"), "1\u202f755");
  assert.equal(quantityText(0.562, "Kinesis shard-hour"), "0.562");
  assert.equal(quantityText(null, "Lambda request"), "–");
});

test("a month is called by its name", () => {
  assert.equal(monthText("2026-11"), "November 2026");
});

test("a runbook is linked on the web alone", () => {
  const of = (value: string): Platform =>
    ({ configuration: { functions: [{ name: "alert_notify", is_known: true, settings: [{ name: "RUNBOOK_URL", value, is_default: false, meaning: "" }] }] } }) as unknown as Platform;
  assert.equal(runbookAddress(of("https://wiki.example.com/runbooks/"), "dead-letters"), "https://wiki.example.com/runbooks/dead-letters.md");
  assert.equal(runbookAddress(of("file:///srv/docs"), "dead-letters"), null);
  assert.equal(runbookAddress(of("javascript:alert(1)//"), "dead-letters"), null);
  assert.equal(runbookAddress(of(""), "dead-letters"), null);
});

test("a trial tells what would come of it", () => {
  assert.equal(resultText("replayed", true), "can be counted");
  assert.equal(resultText("replayed", false), "counted");
  assert.equal(resultText("still_unreadable", true), "still cannot be read");
  assert.equal(resultText("new_word", false), "new word");
});

test("a key ends after so many days, or never", () => {
  assert.equal(expiryOf(30, Date.UTC(2026, 10, 21)), "2026-12-21T00:00:00.000Z");
  assert.equal(expiryOf(0, Date.UTC(2026, 10, 21)), null);
});

test("bars are shares of the longest one, what will be spent included", () => {
  const sums = [
    { capability: "kpi", usd: 1, projected_usd: 2, unknown_lines: 0 },
    { capability: "telemetry", usd: 2, projected_usd: 8, unknown_lines: 1 },
    { capability: "log", usd: null, projected_usd: null, unknown_lines: 3 },
  ];
  assert.deepEqual(
    barsOf(sums).map((bar) => [bar.capability, bar.share, bar.projectedShare]),
    [["telemetry", 0.25, 1], ["kpi", 0.125, 0.25], ["log", 0, 0]],
  );
});

test("without a projection a bar is what was spent, and nothing is spent on a free month", () => {
  assert.equal(barsOf([{ capability: "kpi", usd: 3, projected_usd: null, unknown_lines: 0 }])[0]?.projectedShare, 1);
  assert.equal(barsOf([{ capability: "kpi", usd: 0, projected_usd: 0, unknown_lines: 0 }])[0]?.projectedShare, 0);
});

test("a setting that functions share stands once, one with two values twice", () => {
  const setting = (value: string) => ({ name: "KPI_TABLE", value, is_default: false, meaning: "name of the kpi table" });
  const shared = sharedSettings([
    { name: "kpi_query", is_known: true, settings: [setting("a")] },
    { name: "kpi_rollup", is_known: true, settings: [setting("a")] },
    { name: "kpi_series", is_known: true, settings: [setting("b")] },
    { name: "kpi_new", is_known: false, settings: [setting("a")] },
  ]);
  assert.deepEqual(
    shared.map((one) => [one.value, one.isKnown, one.functions]),
    [["a", true, ["kpi_query", "kpi_rollup"]], ["b", true, ["kpi_series"]], ["a", false, ["kpi_new"]]],
  );
});

test("a narrow window has the named columns in the named order, a wide one all", () => {
  const columns = [{ id: "a" }, { id: "b" }, { id: "c" }];
  assert.deepEqual(fitting(columns, true, ["c", "a", "gone"]), [{ id: "c" }, { id: "a" }]);
  assert.deepEqual(fitting(columns, false, ["c"]), columns);
});
