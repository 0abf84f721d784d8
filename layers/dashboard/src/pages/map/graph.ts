/** The call graph as the map shows it: nodes, one line per pair, how each is, and how far an origin's effects reach. */

import type { Group } from "../../lib/condition.ts";
import { DAY, MINUTE } from "../../lib/time.ts";
import type { Span } from "../../lib/time.ts";
import type { Anomaly } from "../../lib/types.ts";

export type Kind = "service" | "database" | "queue" | "external";

export interface GraphNode {
  name: string;
  kind: Kind;
  requests_per_minute: number;
  error_ratio: number | null;
  p95_ms: number | null;
  sampled: number;
  is_exact: boolean;
}

export interface GraphEdge {
  caller: string;
  callee: string;
  callee_kind: Kind;
  kind: "call" | "message";
  calls_per_minute: number;
  error_ratio: number | null;
  p50_ms: number | null;
  p95_ms: number | null;
  sampled: number;
  is_exact: boolean;
}

/** GET /v1/graph. */
export interface GraphAnswer {
  from: string;
  to: string;
  nodes: GraphNode[];
  edges: GraphEdge[];
  nodes_left_out: number;
}

/** All calls of one node to another, by their ids. */
export interface Calls {
  from: string;
  to: string;
  perMinute: number;
  errorRatio: number | null;
  edges: GraphEdge[];
}

/** So much are ranges moved outwards to whole steps: that alone is not worth a word. */
const ROUNDING = 10 * MINUTE;

const PREFIXED = /^(service|database|queue|external):/;

/** Return the id of a node: of services the name alone, unless that looks like another's id. */
export function idOf(kind: Kind, name: string): string {
  return kind === "service" && !PREFIXED.test(name) ? name : `${kind}:${name}`;
}

/** Return the calls from node to node, all kinds of them together; ratios are weighted by calls. */
export function callsOf(edges: GraphEdge[]): Calls[] {
  const found = new Map<string, Calls>();
  for (const edge of edges) {
    const from = idOf("service", edge.caller);
    const to = idOf(edge.callee_kind, edge.callee);
    const calls = found.get(keyOf(from, to)) ?? { from, to, perMinute: 0, errorRatio: null, edges: [] };
    found.set(keyOf(from, to), calls);
    calls.edges.push(edge);
  }
  for (const calls of found.values()) {
    const judged = calls.edges.filter((edge) => edge.error_ratio !== null);
    const weight = sum(judged.map((edge) => edge.calls_per_minute));
    calls.perMinute = sum(calls.edges.map((edge) => edge.calls_per_minute));
    if (weight > 0) calls.errorRatio = sum(judged.map((edge) => (edge.error_ratio ?? 0) * edge.calls_per_minute)) / weight;
  }
  return [...found.values()];
}

/** Return the name of a line. */
export function keyOf(from: string, to: string): string {
  return `${from}\0${to}`;
}

export type ErrorClass = "few" | "some" | "many" | "unknown";

/** Return how a line with that share of errors looks: below 1 %, below 5 %, more. */
export function errorClassOf(ratio: number | null): ErrorClass {
  if (ratio === null) return "unknown";
  if (ratio < 0.01) return "few";
  return ratio < 0.05 ? "some" : "many";
}

/** Return the width of a line in pixels: its area goes with the rate, the busiest has 6. */
export function widthOf(perMinute: number, most: number): number {
  return most > 0 ? 1.4 + 4.6 * Math.sqrt(Math.max(0, perMinute) / most) : 1.4;
}

/** An origin, and the other services in which something follows from it, by name. */
export interface Origin {
  anomaly: Anomaly;
  reached: string[];
}

/** What origins set off, by the ids of their nodes: which services are reached, and the lines between them. */
export interface Spread {
  origins: Map<string, Origin>;
  reached: Set<string>;
  lines: Set<string>;
}

/** Return how far the effects of groups reach along the calls; an anomaly without effects is its own origin. */
export function spreadOf(groups: Group[], calls: Calls[]): Spread {
  const spread: Spread = { origins: new Map(), reached: new Set(), lines: new Set() };
  for (const { head, effects } of groups) {
    const services = [...new Set(effects.map((one) => one.service))].filter((name) => name !== head.service);
    if (head.part !== "origin" && services.length === 0) continue;
    const id = idOf("service", head.service);
    const before = spread.origins.get(id);
    const reached = [...new Set([...(before?.reached ?? []), ...services])].sort();
    spread.origins.set(id, { anomaly: before?.anomaly ?? head, reached });
    const ids = new Set(services.map((name) => idOf("service", name)));
    for (const one of ids) spread.reached.add(one);
    ids.add(id);
    for (const { from, to } of calls) if (from !== to && ids.has(from) && ids.has(to)) spread.lines.add(keyOf(from, to));
  }
  for (const id of spread.origins.keys()) spread.reached.delete(id);
  return spread;
}

/** Return the anomalies that count: those that go on where the range follows the clock, else all that lie in it. */
export function counted(groups: Group[], isLive: boolean): Group[] {
  if (!isLive) return groups;
  return groups.filter(({ head, effects }) => [head, ...effects].some((one) => one.state === "open"));
}

/** Return `anomalies` as if those that lie in a past range still went on, so that they make their services anomalous. */
export function asThen(anomalies: Anomaly[], isLive: boolean): Anomaly[] {
  return isLive ? anomalies : anomalies.map((one) => ({ ...one, state: "open" as const }));
}

/** Return the part of a range that the graph is asked for: its last day, which is the most there is. */
export function lastDay(span: Span): Span & { isCut: boolean } {
  const from = Math.max(span.from, span.to - DAY);
  return { from, to: span.to, isCut: from - span.from > ROUNDING };
}

function sum(values: number[]): number {
  return values.reduce((all, one) => all + one, 0);
}
