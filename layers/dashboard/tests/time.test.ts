import assert from "node:assert/strict";
import { test } from "node:test";

import { agoText, aligned, DAY, durationText, HOUR, isoOf, MAX_DAYS, MINUTE, momentOf, PRESETS, rangeText, spanOf, stepOf, timeText } from "../src/lib/time.ts";
import { fieldOf, momentOfField, offsetOf } from "../src/lib/zone.ts";

const NOW = Date.parse("2026-11-21T18:00:30Z");

test("an end is now, so long before now, or a time with its zone; all else is nothing", () => {
  assert.equal(momentOf("now", NOW), NOW);
  assert.equal(momentOf("now-90m", NOW), Date.parse("2026-11-21T16:30:30Z"));
  assert.equal(momentOf("now-2d", NOW), Date.parse("2026-11-19T18:00:30Z"));
  assert.equal(momentOf("2026-11-21T10:00:00Z", NOW), Date.parse("2026-11-21T10:00:00Z"));
  for (const text of ["", "now+1h", "now-1y", "yesterday", "21", "now-", "javascript:alert(1)"]) assert.ok(Number.isNaN(momentOf(text, NOW)), text);
});

test("a range that is empty, turned round or too long is none", () => {
  assert.deepEqual(spanOf({ from: "now-1h", to: "now" }, NOW), { from: NOW - HOUR, to: NOW });
  assert.equal(spanOf({ from: "now", to: "now-1h" }, NOW), null);
  assert.equal(spanOf({ from: "now", to: "now" }, NOW), null);
  assert.equal(spanOf({ from: `now-${MAX_DAYS + 1}d`, to: "now" }, NOW), null);
  assert.equal(spanOf({ from: "nonsense", to: "now" }, NOW), null);
});

test("every preset is a range, shortest first, and is called by its name", () => {
  const lengths = PRESETS.map(({ range }) => spanOf(range, NOW)).map((span) => (span ? span.to - span.from : 0));
  assert.ok(lengths.every((length, index) => length > (lengths[index - 1] ?? 0)));
  for (const { range, label } of PRESETS) assert.equal(rangeText(range, spanOf(range, NOW) ?? { from: 0, to: 1 }, "UTC"), label);
});

test("no range is drawn with more points than a wide screen has pixels, nor with fewer than one", () => {
  for (const { range } of PRESETS) {
    const span = spanOf(range, NOW) ?? { from: 0, to: 0 };
    const points = (span.to - span.from) / 1_000 / stepOf(span);
    assert.ok(points >= 24 && points <= 800, `${range.from}: ${points}`);
  }
});

test("aligned ends lie on whole steps around the span", () => {
  const span = aligned({ from: NOW - HOUR, to: NOW }, 300);
  assert.equal(isoOf(span.from), "2026-11-21T17:00:00Z");
  assert.equal(isoOf(span.to), "2026-11-21T18:05:00Z");
});

test("times are told in the zone that is asked for, also where its clocks change", () => {
  assert.equal(timeText(Date.parse("2026-07-01T22:30:00Z"), "Europe/Berlin"), "2 Jul, 00:30");
  assert.equal(timeText(Date.parse("2026-12-01T22:30:00Z"), "Europe/Berlin"), "1 Dec, 23:30");
  assert.equal(timeText(Date.parse("2026-12-01T00:00:00Z"), "Asia/Kolkata", "time"), "05:30");
});

test("a field is read back in its zone, for every quarter of an hour of a year", () => {
  for (const zone of ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney"]) {
    for (let moment = Date.parse("2026-01-01T00:00:00Z"); moment < Date.parse("2027-01-01T00:00:00Z"); moment += 7 * HOUR + 15 * MINUTE) {
      const field = fieldOf(moment, zone);
      assert.equal(fieldOf(momentOfField(field, zone), zone), field, `${zone} ${field}`);
    }
  }
  assert.equal(momentOfField("2026-07-01T00:30", "Europe/Berlin"), Date.parse("2026-06-30T22:30:00Z"));
  assert.equal(offsetOf(Date.parse("2026-07-01T00:00:00Z"), "America/New_York"), -4 * HOUR);
  assert.ok(Number.isNaN(momentOfField("soon", "UTC")));
});

test("lengths have two units at most", () => {
  assert.deepEqual([0, 59_000, 60_000, 3_540_000, 3_600_000, 12_000_000, 2 * DAY, 2 * DAY + 4 * HOUR].map(durationText), [
    "0 s", "59 s", "1 min", "59 min", "1 h", "3 h 20 min", "2 d", "2 d 4 h",
  ]);
  assert.equal(agoText(NOW - 5 * MINUTE, NOW), "5 min ago");
  assert.equal(agoText(NOW + HOUR, NOW), "in 1 h");
  assert.equal(agoText(NOW - 1, NOW), "just now");
});
