import assert from "node:assert/strict";
import { test } from "node:test";

import { bytesText, countText, dollarText, millisText, numberText, percentText, rateText, UNKNOWN_TEXT, valueText } from "../src/lib/format.ts";

test("what is not known is a dash, never 0, in every format", () => {
  for (const format of [numberText, countText, percentText, millisText, bytesText, rateText, dollarText]) {
    for (const nothing of [null, undefined, Number.NaN, Infinity]) assert.equal(format(nothing), UNKNOWN_TEXT);
    assert.notEqual(format(0), UNKNOWN_TEXT);
  }
  assert.equal(valueText(null, "ms"), UNKNOWN_TEXT);
});

test("numbers have about three figures", () => {
  assert.deepEqual([0, 0.012345, 1.2345, 12.345, 123.45, 1234.5, 9994, 12345, 1234567, 2.5e9].map(numberText), [
    "0", "0.0123", "1.23", "12.3", "123", "1235", "9994", "12.3 k", "1.23 M", "2.5 G",
  ]);
  assert.equal(countText(2123773), "2\u202f123\u202f773");
  assert.equal(countText(999), "999");
});

test("a small share is not called zero", () => {
  assert.deepEqual([0, 0.00005, 0.000001, 0.00755, 0.291, 1].map(percentText), ["0 %", "< 0.01 %", "< 0.01 %", "0.76 %", "29 %", "100 %"]);
});

test("durations change their unit where people do", () => {
  assert.deepEqual([0, 0.25, 1.5, 98.04, 999.4, 1310.9, 90_000, 120_000, 7_200_000, 21_600_000, 259_200_000].map(millisText), ["0 ms", "250 µs", "1.5 ms", "98 ms", "999 ms", "1.31 s", "90 s", "2 min", "2 h", "6 h", "3 d"]);
  assert.equal(valueText(0.5, "s"), "500 ms");
  assert.equal(valueText(2_000_000, "ns"), "2 ms");
});

test("bytes, rates and dollars", () => {
  assert.deepEqual([0, 1023, 1536, 1048576].map(bytesText), ["0 B", "1023 B", "1.5 KiB", "1 MiB"]);
  assert.deepEqual([0, 0.5, 12].map((rate) => rateText(rate)), ["0/s", "30/min", "12/s"]);
  assert.deepEqual([rateText(1.21, [0.3]), rateText(0.3, [1.21]), rateText(0, [0.3]), rateText(2, [null])], ["72.6/min", "18/min", "0/min", "2/s"]);
  assert.deepEqual([0, 0.004, 3.456, 12345].map(dollarText), ["$0.00", "< $0.01", "$3.46", "$12\u202f345"]);
  assert.equal(valueText(4, "{connection}"), "4 connection");
  assert.equal(valueText(4, "1"), "4");
});
