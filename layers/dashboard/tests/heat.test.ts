import assert from "node:assert/strict";
import { test } from "node:test";

import { drawnBounds, logTicks, mostOf, rowAtShare, rowOf, rowTotals } from "../src/charts/heat.ts";
import { heatColours, shadeOf, srgbOf } from "../src/charts/heat_colours.ts";

test("a value lies in the row over its lower bound and up to its upper one", () => {
  const bounds = [1, 2, 4, 8];
  assert.deepEqual([0.5, 1, 1.5, 2, 2.1, 8, 9].map((value) => rowOf(bounds, value)), [-1, 0, 0, 0, 1, 2, -1]);
  assert.equal(rowOf([0, 1], 0), 0);
  assert.equal(rowOf([], 1), -1);
});

test("a row that begins at 0 is drawn as high as the next one", () => {
  assert.deepEqual(drawnBounds([0, 2, 4, 8]), [1, 2, 4, 8]);
  assert.deepEqual(drawnBounds([1, 2, 4]), [1, 2, 4]);
  assert.deepEqual(drawnBounds([0, 2]), [1, 2]);
});

test("totals and the greatest count leave out what is unknown", () => {
  const counts = [[1, 0, 5], null, [2, 3, 0]];
  assert.deepEqual(rowTotals(counts, 3), [3, 3, 5]);
  assert.equal(mostOf(counts), 5);
  assert.equal(mostOf([null]), 0);
});

test("half of all and 99 % of all are found by rank", () => {
  assert.equal(rowAtShare([1, 1, 2, 0], 0.5), 1);
  assert.equal(rowAtShare([98, 1, 1], 0.99), 1);
  assert.equal(rowAtShare([98, 0, 2], 0.985), 2);
  assert.equal(rowAtShare([0, 0], 0.5), -1);
});

test("the axis has two to twelve round ticks within its bounds, however short or long it is", () => {
  for (const [low, high] of [[0.01, 90_000], [1, 10], [80, 150], [3, 60], [95, 105]] as const) {
    const ticks = logTicks(low, high);
    assert.ok(ticks.length >= 2 && ticks.length <= 12, `${low} to ${high}: ${ticks}`);
    assert.ok(ticks.every((tick, index) => tick >= low * 0.99 && tick <= high * 1.01 && (index === 0 || tick > (ticks[index - 1] ?? 0))));
  }
  assert.deepEqual(logTicks(0.5, 2_000), [1, 10, 100, 1_000]);
  assert.deepEqual(logTicks(3, 60), [5, 10, 20, 50]);
});

test("OKLab's known colours come out as sRGB", () => {
  assert.deepEqual(srgbOf([1, 0, 0]), [255, 255, 255]);
  assert.deepEqual(srgbOf([0, 0, 0]), [0, 0, 0]);
  assert.deepEqual(srgbOf([0.627955, 0.224863, 0.125846]), [255, 0, 0]);
  assert.deepEqual(srgbOf([0.452014, -0.032457, -0.311528]), [0, 0, 255]);
});

test("the more, the farther in lightness, by even steps, also for eyes that see no red or no green", () => {
  for (const isDark of [false, true]) {
    const colours = heatColours(isDark).map((text) => (text.match(/\d+/g) ?? []).map(Number) as [number, number, number]);
    for (const [name, seen] of Object.entries(EYES)) {
      const steps = colours.map((one) => lightnessOf(seen(one.map(linear) as [number, number, number]))).map((value, index, all) => value - (all[index - 1] ?? value)).slice(1);
      const direction = isDark ? 1 : -1;
      const mean = steps.reduce((one, other) => one + other, 0) / steps.length;
      assert.ok(steps.every((step) => step * direction > 0), `${name}, dark ${isDark}: lightness turns`);
      if (name === "usual") assert.ok(steps.every((step) => Math.abs(step / mean - 1) < 0.35), `steps are uneven: ${steps}`);
    }
  }
});

test("no colour is grey, which says UNKNOWN", () => {
  for (const isDark of [false, true]) {
    for (const text of heatColours(isDark)) {
      const parts = (text.match(/\d+/g) ?? []).map(Number);
      assert.ok(Math.max(...parts) - Math.min(...parts) >= 40, text);
    }
  }
});

test("one has the first colour, the most the last, none has none, and few are told apart better than many", () => {
  assert.equal(shadeOf(0, 100, 40), -1);
  assert.equal(shadeOf(1, 1_000_000, 40), 0);
  assert.equal(shadeOf(1, 7, 40), 0);
  assert.equal(shadeOf(1, 1, 40), 39);
  assert.equal(shadeOf(100, 100, 40), 39);
  assert.ok(shadeOf(2, 100, 40) - shadeOf(1, 100, 40) > shadeOf(100, 100, 40) - shadeOf(99, 100, 40));
});

type Triple = [number, number, number];

function linear(value: number): number {
  const share = value / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}

/** OKLab's lightness of linear sRGB, by Ottosson's matrices in the other direction than the code's. */
function lightnessOf([red, green, blue]: Triple): number {
  const l = Math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue);
  const m = Math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue);
  const s = Math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue);
  return 0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s;
}

function seenBy(rows: Triple[]): (colour: Triple) => Triple {
  return (colour) => rows.map((row) => Math.min(1, Math.max(0, row.reduce((sum, weight, axis) => sum + weight * (colour[axis] ?? 0), 0)))) as Triple;
}

/** G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, "A physiologically-based model for simulation of color vision deficiency", 2009, severity 1. */
const EYES: Record<string, (colour: Triple) => Triple> = {
  usual: (colour) => colour,
  protanopia: seenBy([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
  deuteranopia: seenBy([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]),
  tritanopia: seenBy([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]]),
};
