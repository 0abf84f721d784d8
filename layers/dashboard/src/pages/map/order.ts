/** The order within columns, so that few lines cross: sweeps by barycentre, the best order kept. */

import type { Link } from "./layers.ts";

const SWEEPS = 12;

/** Columns of ids from the top down. Links lead from one column to the next alone. */
export type Columns = string[][];

/** Return the columns with their ids reordered; never more crossings than before. */
export function untangled(columns: Columns, links: readonly Link[]): Columns {
  const left = neighbours(links, "to", "from");
  const right = neighbours(links, "from", "to");
  let now = columns.map((column) => [...column]);
  let best = now;
  let least = crossings(now, links);
  for (let sweep = 0; sweep < SWEEPS && least > 0; sweep += 1) {
    now = swept(now, sweep % 2 === 0 ? left : right, sweep % 2 === 0);
    const count = crossings(now, links);
    if (count < least) {
      least = count;
      best = now;
    }
  }
  return best;
}

/** Return how often links between neighbouring columns cross. */
export function crossings(columns: Columns, links: readonly Link[]): number {
  const place = placesOf(columns);
  const column = new Map<string, number>(columns.flatMap((ids, index) => ids.map((id): [string, number] => [id, index])));
  let count = 0;
  for (let index = 0; index + 1 < columns.length; index += 1) {
    const between = links
      .filter((link) => column.get(link.from) === index && column.get(link.to) === index + 1)
      .map((link): [number, number] => [place.get(link.from) ?? 0, place.get(link.to) ?? 0]);
    for (let one = 0; one < between.length; one += 1) {
      for (let other = one + 1; other < between.length; other += 1) {
        const [a, b] = between[one] as [number, number];
        const [c, d] = between[other] as [number, number];
        if ((a - c) * (b - d) < 0) count += 1;
      }
    }
  }
  return count;
}

function swept(columns: Columns, near: Map<string, string[]>, isRightwards: boolean): Columns {
  const after = columns.map((column) => [...column]);
  const indexes = after.map((_, index) => index);
  if (!isRightwards) indexes.reverse();
  for (const index of indexes.slice(1)) {
    const place = placesOf(after);
    const weight = new Map((after[index] ?? []).map((id, own): [string, number] => {
      const others = (near.get(id) ?? []).map((other) => place.get(other) ?? 0);
      return [id, others.length > 0 ? others.reduce((sum, one) => sum + one, 0) / others.length : own];
    }));
    after[index]?.sort((one, other) => (weight.get(one) ?? 0) - (weight.get(other) ?? 0));
  }
  return after;
}

function placesOf(columns: Columns): Map<string, number> {
  return new Map(columns.flatMap((ids) => ids.map((id, index): [string, number] => [id, index])));
}

function neighbours(links: readonly Link[], of: "from" | "to", which: "from" | "to"): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const link of links) {
    const there = found.get(link[of]);
    if (there) there.push(link[which]);
    else found.set(link[of], [link[which]]);
  }
  return found;
}
