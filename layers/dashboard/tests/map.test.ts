import assert from "node:assert/strict";
import { test } from "node:test";

import { acyclic, closing, columnsOf } from "../src/pages/map/layers.ts";
import type { Link } from "../src/pages/map/layers.ts";
import { layoutOf, middleOf, NODE, pathOf, SPACE } from "../src/pages/map/layout.ts";
import { crossings, untangled } from "../src/pages/map/order.ts";
import { spaced } from "../src/pages/map/place.ts";

const link = (from: string, to: string): Link => ({ from, to });

/** Return numbers from 0 to 1, the same for the same seed (D. H. Lehmer's generator). */
function chance(seed: number): () => number {
  let state = seed * 48_271 + 1;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

/** Return a graph of `count` services in which most call on, some call back and some call nobody. */
function graph(seed: number, count: number): { ids: string[]; links: Link[] } {
  const next = chance(seed);
  const ids = Array.from({ length: count }, (_, index) => `service-${index}`);
  const links: Link[] = [];
  for (let index = 0; index < count * 1.6; index += 1) {
    const from = Math.floor(next() * count);
    const to = next() < 0.85 ? Math.min(count - 1, from + 1 + Math.floor(next() * 6)) : Math.floor(next() * count);
    links.push(link(ids[from] as string, ids[to] as string));
  }
  return { ids, links };
}

const GRAPHS = [4, 9, 17, 30, 60].flatMap((count) => [1, 2, 3, 4].map((seed) => graph(seed * 7 + count, count)));

test("callers stand left of callees wherever calls make no circle", () => {
  const chain = layoutOf(["c", "a", "b"], [link("a", "b"), link("b", "c"), link("a", "c")]);
  const x = Object.fromEntries(chain.nodes.map((one) => [one.id, one.x]));
  assert.ok((x["a"] as number) < (x["b"] as number) && (x["b"] as number) < (x["c"] as number));
  for (const { ids, links } of GRAPHS) {
    const layout = layoutOf(ids, links);
    const at = new Map(layout.nodes.map((one) => [one.id, one.x]));
    for (const one of layout.links) {
      if (one.from === one.to) continue;
      const isRight = (at.get(one.to) as number) > (at.get(one.from) as number);
      assert.equal(isRight, !one.isBack, `${one.from} ${one.to}`);
    }
  }
});

test("nodes never touch, and everything lies within the picture", () => {
  for (const { ids, links } of GRAPHS) {
    const { nodes, width, height, links: lines } = layoutOf(ids, links);
    assert.equal(nodes.length, ids.length);
    nodes.forEach((one, index) => {
      assert.ok(one.x >= 0 && one.y >= 0 && one.x + NODE.width <= width && one.y + NODE.height <= height);
      for (const other of nodes.slice(index + 1)) {
        const isApart = Math.abs(one.x - other.x) >= NODE.width || Math.abs(one.y - other.y) >= NODE.height + 8;
        assert.ok(isApart, `${one.id} ${other.id}`);
      }
    });
    for (const { points } of lines) for (const [x, y] of points) assert.ok(x >= 0 && x <= width && y >= -30 && y <= height);
  }
});

test("lines keep clear of nodes that they only pass", () => {
  for (const { ids, links } of GRAPHS) {
    const { nodes, links: lines } = layoutOf(ids, links);
    for (const { from, to, points } of lines) {
      if (from === to) continue;
      for (let index = 1; index + 2 < points.length; index += 2) {
        const [x, y] = points[index] as [number, number];
        assert.ok(y >= SPACE.margin, `${from} ${to} has a place of its own`);
        const hit = nodes.find((one) => one.id !== from && one.id !== to && Math.abs(one.x - Math.min(x, (points[index + 1] as [number, number])[0])) < 1 && y > one.y && y < one.y + NODE.height);
        assert.equal(hit, undefined, `${from} ${to} runs through ${hit?.id}`);
      }
    }
  }
});

test("the same graph in another order lies the same", () => {
  for (const { ids, links } of GRAPHS) {
    assert.deepEqual(layoutOf([...ids].reverse(), [...links].reverse()), layoutOf(ids, links));
  }
});

test("turning the closing calls leaves no circle, and a graph without circles closes nowhere", () => {
  assert.deepEqual([...closing(["a", "b", "c"], [link("a", "b"), link("b", "c"), link("c", "a"), link("b", "b")])], [link("c", "a")]);
  for (const { ids, links } of GRAPHS) {
    const open = acyclic(ids, links);
    assert.equal(closing(ids, open).size, 0);
    const column = columnsOf(ids, open);
    for (const one of open) assert.ok((column.get(one.to) as number) > (column.get(one.from) as number));
  }
});

test("sweeping never adds crossings, and unties what can be untied", () => {
  const columns = [["a", "b", "c"], ["x", "y", "z"]];
  const tied = [link("a", "z"), link("b", "y"), link("c", "x")];
  assert.equal(crossings(columns, tied), 3);
  assert.equal(crossings(untangled(columns, tied), tied), 0);
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const next = chance(seed);
    const three = [0, 1, 2].map((column) => Array.from({ length: 7 }, (_, row) => `${column}-${row}`));
    const links = [0, 1].flatMap((column) => Array.from({ length: 12 }, () => link(`${column}-${Math.floor(next() * 7)}`, `${column + 1}-${Math.floor(next() * 7)}`)));
    const after = untangled(three, links);
    assert.ok(crossings(after, links) <= crossings(three, links));
    assert.deepEqual(after.map((column) => [...column].sort()), three);
  }
});

test("heights are the nearest to those wanted that keep order and distance", () => {
  assert.deepEqual(spaced([0, 100, 200], [10, 10]), [0, 100, 200]);
  assert.deepEqual(spaced([5, 5], [10]), [0, 10]);
  const next = chance(5);
  const far = (found: number[], wanted: number[]): number => found.reduce((sum, one, index) => sum + (one - (wanted[index] as number)) ** 2, 0);
  for (let round = 0; round < 200; round += 1) {
    const wanted = Array.from({ length: 5 }, () => next() * 60);
    const gaps = Array.from({ length: 4 }, () => 4 + next() * 12);
    const found = spaced(wanted, gaps);
    found.slice(1).forEach((y, index) => assert.ok(y - (found[index] as number) >= (gaps[index] as number) - 1e-9));
    for (let other = 0; other < 30; other += 1) {
      const moved = found.map((y) => y + (next() - 0.5) * 6);
      const isAllowed = moved.slice(1).every((y, index) => y - (moved[index] as number) >= (gaps[index] as number));
      if (isAllowed) assert.ok(far(moved, wanted) >= far(found, wanted) - 1e-9);
    }
  }
});

test("what nobody calls and calls nobody stands below, and an empty graph is empty", () => {
  const layout = layoutOf(["a", "b", "alone"], [link("a", "b")]);
  const y = Object.fromEntries(layout.nodes.map((one) => [one.id, one.y]));
  assert.ok((y["alone"] as number) >= Math.max(y["a"] as number, y["b"] as number) + NODE.height);
  assert.deepEqual(layoutOf([], []), { nodes: [], links: [], width: 28, height: 28 });
  assert.equal(layoutOf(["a"], [link("a", "nobody")]).links.length, 0);
});

test("a line begins and ends where its points do", () => {
  assert.equal(pathOf([[0, 10], [100, 10], [200, 40]]), "M0 10L100 10C150 10 150 40 200 40");
  assert.deepEqual(middleOf([[0, 0], [100, 50]]), [50, 25]);
  assert.equal(pathOf([]), "");
});
