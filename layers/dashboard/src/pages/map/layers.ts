/** Which node stands in which column: callers left, callees right; calls that close a circle are turned for that. */

/** A call between two nodes, by their ids. */
export interface Link {
  from: string;
  to: string;
}

/** Return the links that close a circle, as seen from the nodes that nobody calls; the others have no circle. */
export function closing(ids: readonly string[], links: readonly Link[]): Set<Link> {
  const out = new Map<string, Link[]>(ids.map((id) => [id, []]));
  const callers = new Map<string, number>(ids.map((id) => [id, 0]));
  for (const link of links) {
    if (link.from === link.to) continue;
    out.get(link.from)?.push(link);
    callers.set(link.to, (callers.get(link.to) ?? 0) + 1);
  }
  const surplus = (id: string): number => (callers.get(id) ?? 0) - (out.get(id)?.length ?? 0);
  const starts = [...ids].sort((one, other) => {
    const isRoot = Number((callers.get(one) ?? 0) > 0) - Number((callers.get(other) ?? 0) > 0);
    return isRoot || surplus(one) - surplus(other) || one.localeCompare(other);
  });
  const state = new Map<string, "open" | "done">();
  const found = new Set<Link>();
  for (const start of starts) walk(start, out, state, found);
  return found;
}

/** Go through everything that can be reached from `start`, without recursion. */
function walk(start: string, out: Map<string, Link[]>, state: Map<string, "open" | "done">, found: Set<Link>): void {
  if (state.has(start)) return;
  const stack: Array<{ id: string; next: number }> = [{ id: start, next: 0 }];
  state.set(start, "open");
  while (stack.length > 0) {
    const top = stack[stack.length - 1] as { id: string; next: number };
    const link = out.get(top.id)?.[top.next];
    top.next += 1;
    if (!link) {
      state.set(top.id, "done");
      stack.pop();
    } else if (state.get(link.to) === "open") {
      found.add(link);
    } else if (!state.has(link.to)) {
      state.set(link.to, "open");
      stack.push({ id: link.to, next: 0 });
    }
  }
}

/** Return `links` without circles: closing ones turned round, calls of oneself left out, each pair once. */
export function acyclic(ids: readonly string[], links: readonly Link[]): Link[] {
  const turned = closing(ids, links);
  const pairs = new Map<string, Link>();
  for (const link of links) {
    if (link.from === link.to) continue;
    const one = turned.has(link) ? { from: link.to, to: link.from } : link;
    pairs.set(`${one.from}\0${one.to}`, { from: one.from, to: one.to });
  }
  return [...pairs.values()];
}

/**
 * Return the column of each id: right of all its callers, by links without circles. Callers that nobody calls stand
 * just left of the first that they call, so that lines are short.
 */
export function columnsOf(ids: readonly string[], links: readonly Link[]): Map<string, number> {
  const column = new Map<string, number>(ids.map((id) => [id, 0]));
  const waiting = new Map<string, number>(ids.map((id) => [id, 0]));
  for (const link of links) waiting.set(link.to, (waiting.get(link.to) ?? 0) + 1);
  const isRoot = new Set(ids.filter((id) => waiting.get(id) === 0));
  const ready = [...isRoot];
  for (let id = ready.shift(); id !== undefined; id = ready.shift()) {
    for (const link of links) {
      if (link.from !== id) continue;
      column.set(link.to, Math.max(column.get(link.to) ?? 0, (column.get(id) ?? 0) + 1));
      const left = (waiting.get(link.to) ?? 0) - 1;
      waiting.set(link.to, left);
      if (left === 0) ready.push(link.to);
    }
  }
  for (const id of isRoot) {
    const called = links.filter((link) => link.from === id).map((link) => column.get(link.to) ?? 0);
    if (called.length > 0) column.set(id, Math.min(...called) - 1);
  }
  return column;
}
