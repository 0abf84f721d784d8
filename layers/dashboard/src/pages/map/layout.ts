/** Where everything of the map lies: columns from callers to callees, few crossings, straight lines where possible. */

import { acyclic, closing, columnsOf } from "./layers.ts";
import type { Link } from "./layers.ts";
import { untangled } from "./order.ts";
import type { Columns } from "./order.ts";
import { spaced } from "./place.ts";

export const NODE = { width: 190, height: 56 };
export const SPACE = { column: 156, row: 26, line: 18, margin: 28 };
const ROUNDS = 8;

export interface Placed {
  id: string;
  /** The upper left corner. */
  x: number;
  y: number;
}

export interface Drawn {
  from: string;
  to: string;
  /** Where its line bends: from the caller's edge to the callee's. */
  points: Array<[number, number]>;
  /** It leads back to a caller. */
  isBack: boolean;
}

export interface Layout {
  nodes: Placed[];
  links: Drawn[];
  width: number;
  height: number;
}

/** Return the layout of `ids` and the calls between them; the same for the same graph, in whatever order it comes. */
export function layoutOf(ids: readonly string[], links: readonly Link[]): Layout {
  const sortedIds = [...new Set(ids)].sort();
  const known = new Set(sortedIds);
  const sortedLinks = unique(links.filter((link) => known.has(link.from) && known.has(link.to)));
  const forward = acyclic(sortedIds, sortedLinks);
  const linked = new Set(forward.flatMap((link) => [link.from, link.to]));
  const alone = sortedIds.filter((id) => !linked.has(id));
  const column = columnsOf(sortedIds.filter((id) => linked.has(id)), forward);
  const { columns, short } = withBends(column, forward);
  const ordered = untangled(columns, short);
  const centre = heightsOf(ordered, short);
  const nodes = placed(ordered, centre);
  const height = Math.max(0, ...nodes.map((one) => one.y + NODE.height));
  nodes.push(...inRows(alone, nodes.length > 0 ? height + SPACE.row * 2 : SPACE.margin, Math.max(1, columns.length)));
  const back = closing(sortedIds, sortedLinks);
  return {
    nodes,
    links: sortedLinks.map((link) => drawn(link, back.has(link), column, centre, nodes)),
    width: Math.max(0, ...nodes.map((one) => one.x + NODE.width)) + SPACE.margin,
    height: Math.max(0, ...nodes.map((one) => one.y + NODE.height)) + SPACE.margin,
  };
}

function unique(links: readonly Link[]): Link[] {
  const pairs = new Map(links.map((link): [string, Link] => [`${link.from}\0${link.to}`, { from: link.from, to: link.to }]));
  return [...pairs.keys()].sort().map((key) => pairs.get(key) as Link);
}

/** Return the columns with a bend in every column that a link only passes, and the links from column to column. */
function withBends(column: Map<string, number>, links: readonly Link[]): { columns: Columns; short: Link[] } {
  const columns: Columns = [];
  const add = (index: number, id: string): void => {
    while (columns.length <= index) columns.push([]);
    columns[index]?.push(id);
  };
  for (const [id, index] of column) add(index, id);
  const short: Link[] = [];
  for (const link of links) {
    const last = column.get(link.to) ?? 0;
    let from = link.from;
    for (let index = (column.get(link.from) ?? 0) + 1; index < last; index += 1) {
      const bend = bendOf(link, index);
      add(index, bend);
      short.push({ from, to: bend });
      from = bend;
    }
    short.push({ from, to: link.to });
  }
  return { columns, short };
}

function bendOf(link: Link, index: number): string {
  return `\0${link.from}\0${link.to}\0${index}`;
}

function isBend(id: string): boolean {
  return id.startsWith("\0");
}

/** Return the middle height of every node and bend: drawn towards those it is linked with, never too near the next. */
function heightsOf(columns: Columns, links: readonly Link[]): Map<string, number> {
  const gapsOf = (ids: string[]): number[] => ids.slice(1).map((id, index) => (halfOf(id) + halfOf(ids[index] ?? "") + (isBend(id) && isBend(ids[index] ?? "") ? SPACE.line : SPACE.row)));
  const centre = new Map<string, number>();
  for (const ids of columns) spaced(ids.map(() => 0), gapsOf(ids)).forEach((y, index) => centre.set(ids[index] ?? "", y));
  const near = new Map<string, string[]>();
  for (const { from, to } of links) {
    near.set(from, [...(near.get(from) ?? []), to]);
    near.set(to, [...(near.get(to) ?? []), from]);
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    const sweep = round % 2 === 0 ? columns : [...columns].reverse();
    for (const ids of sweep) {
      const wanted = ids.map((id) => meanOf((near.get(id) ?? []).map((other) => centre.get(other) ?? 0)) ?? centre.get(id) ?? 0);
      spaced(wanted, gapsOf(ids)).forEach((y, index) => centre.set(ids[index] ?? "", y));
    }
  }
  const top = Math.min(0, ...[...centre].map(([id, y]) => y - halfOf(id)));
  return new Map([...centre].map(([id, y]): [string, number] => [id, y - top + SPACE.margin]));
}

function halfOf(id: string): number {
  return isBend(id) ? 0 : NODE.height / 2;
}

function meanOf(values: number[]): number | null {
  return values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
}

function xOf(index: number): number {
  return SPACE.margin + index * (NODE.width + SPACE.column);
}

function placed(columns: Columns, centre: Map<string, number>): Placed[] {
  return columns.flatMap((ids, index) => ids.filter((id) => !isBend(id)).map((id) => ({ id, x: xOf(index), y: (centre.get(id) ?? 0) - NODE.height / 2 })));
}

function inRows(ids: string[], top: number, perRow: number): Placed[] {
  return ids.map((id, index) => ({ id, x: xOf(index % perRow), y: top + Math.floor(index / perRow) * (NODE.height + SPACE.row) }));
}

/** Return a link's line: between the facing edges, through its bends. One that leads back enters its callee from the right. */
function drawn(link: Link, isBack: boolean, column: Map<string, number>, centre: Map<string, number>, nodes: Placed[]): Drawn {
  const forward = isBack ? { from: link.to, to: link.from } : link;
  const start = nodes.find((one) => one.id === forward.from);
  const end = nodes.find((one) => one.id === forward.to);
  if (!start || !end) return { ...link, points: [], isBack };
  if (link.from === link.to) {
    const right = start.x + NODE.width;
    return { ...link, isBack: false, points: [[right - 30, start.y], [right - 30, start.y - 22], [right + 18, start.y - 22], [right + 18, start.y + 18], [right, start.y + 18]] };
  }
  const shift = isBack ? NODE.height / 4 : 0;
  const points: Array<[number, number]> = [[start.x + NODE.width, start.y + NODE.height / 2 + shift]];
  for (let index = (column.get(forward.from) ?? 0) + 1; index < (column.get(forward.to) ?? 0); index += 1) {
    const y = (centre.get(bendOf(forward, index)) ?? 0) + shift;
    points.push([xOf(index), y], [xOf(index) + NODE.width, y]);
  }
  points.push([end.x, end.y + NODE.height / 2 + shift]);
  return { ...link, points: isBack ? points.reverse() : points, isBack };
}

/** Return points as an SVG path: flowing curves, level at each end. */
export function pathOf(points: ReadonlyArray<readonly [number, number]>): string {
  const first = points[0];
  if (!first) return "";
  const parts = [`M${first[0]} ${round(first[1])}`];
  for (let index = 1; index < points.length; index += 1) {
    const [x0, y0] = points[index - 1] as [number, number];
    const [x1, y1] = points[index] as [number, number];
    if (y0 === y1 || x0 === x1) parts.push(`L${x1} ${round(y1)}`);
    else parts.push(`C${round((x0 + x1) / 2)} ${round(y0)} ${round((x0 + x1) / 2)} ${round(y1)} ${x1} ${round(y1)}`);
  }
  return parts.join("");
}

/** Return the middle of a line's longest part between columns, where its label stands. */
export function middleOf(points: ReadonlyArray<readonly [number, number]>): [number, number] {
  const index = Math.max(1, Math.floor(points.length / 2));
  const [x0, y0] = points[index - 1] ?? [0, 0];
  const [x1, y1] = points[index] ?? [x0, y0];
  return [(x0 + x1) / 2, (y0 + y1) / 2];
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
