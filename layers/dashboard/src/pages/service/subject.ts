/** What a service page is about: the whole service or one operation, and what its spans are called. */

import { linkTo, place } from "../../lib/router.ts";
import { useStore } from "../../lib/store.ts";
import type { Kind } from "./types.ts";

export interface Subject {
  service: string;
  /** "" is the whole service. */
  operation: string;
  kind: Kind;
  /** What is counted, such as "requests". */
  noun: string;
}

export const KINDS: ReadonlyArray<{ kind: Kind; label: string; noun: string }> = [
  { kind: "request", label: "Requests", noun: "requests" },
  { kind: "client", label: "Outgoing calls", noun: "calls" },
  { kind: "producer", label: "Messages sent", noun: "messages" },
  { kind: "internal", label: "Internal steps", noun: "steps" },
];

/** Return the kind that a parameter names; anything else is requests. */
export function kindOf(text: string): Kind {
  return KINDS.find((one) => one.kind === text)?.kind ?? "request";
}

/** Return what the address says of `service`. */
export function useSubject(service: string): Subject {
  const { query } = useStore(place);
  const kind = kindOf(query.get("kind") ?? "");
  return { service, operation: query.get("operation") ?? "", kind, noun: KINDS.find((one) => one.kind === kind)?.noun ?? "requests" };
}

/** Return the address of the page of `subject` with another operation or kind; the rest of the view stays. */
export function subjectLink(service: string, changes: { operation?: string; kind?: Kind }): string {
  const { query } = place.get();
  const kept = { sort: query.get("sort") ?? undefined, metric: query.get("metric") ?? undefined };
  const kind = changes.kind ?? kindOf(query.get("kind") ?? "");
  return linkTo(`/services/${encodeURIComponent(service)}`, {
    ...kept,
    kind: kind === "request" ? undefined : kind,
    operation: changes.operation || undefined,
  });
}
