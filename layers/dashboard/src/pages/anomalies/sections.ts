/** The list's order: what goes on first, the worst of it on top; then what is over, newest first; effects under origins. */

import { grouped } from "../../lib/condition.ts";
import type { Group } from "../../lib/condition.ts";
import type { Anomaly } from "../../lib/types.ts";

/** What the address filters by; "" is anything. */
export interface Wanted {
  service: string;
  measure: string;
  state: string;
}

export interface Sections {
  open: Group[];
  ended: Group[];
}

const RANKS: Record<Anomaly["severity"], number> = { critical: 0, warning: 1, info: 2 };

/** Return whether a group goes on: its head or anything that follows from it. */
export function isOpen(group: Group): boolean {
  return group.head.state === "open" || group.effects.some((one) => one.state === "open");
}

/** Return the groups of those that are wanted. An effect whose origin is filtered away stands for itself. */
export function sectionsOf(anomalies: Anomaly[], wanted: Wanted): Sections {
  const found = anomalies.filter((one) => (!wanted.service || one.service === wanted.service) && (!wanted.measure || one.measure === wanted.measure));
  const groups = grouped([...found].sort((one, other) => other.anomaly_id.localeCompare(one.anomaly_id)));
  const open = groups.filter(isOpen).sort((one, other) => RANKS[one.head.severity] - RANKS[other.head.severity]);
  const ended = groups.filter((group) => !isOpen(group));
  return { open: wanted.state === "ended" ? [] : open, ended: wanted.state === "open" ? [] : ended };
}

/** Return the effects of a group as one reads on from the origin: by service as they were reached, the worst first. */
export function effectsOf(group: Group): Anomaly[] {
  const reached = new Map<string, string>();
  for (const one of group.effects) {
    const before = reached.get(one.service);
    if (before === undefined || one.first_minute < before) reached.set(one.service, one.first_minute);
  }
  const rank = (one: Anomaly): string =>
    `${reached.get(one.service) ?? ""} ${one.service} ${one.state === "open" ? 0 : 1} ${RANKS[one.severity]} ${one.first_minute} ${one.anomaly_id}`;
  return [...group.effects].sort((one, other) => rank(one).localeCompare(rank(other)));
}

/** Return "13 effects in web, orders and payments, 6 go on". */
export function effectsText(group: Group): string {
  const services = [...new Set(effectsOf(group).map((one) => one.service))];
  const last = services.pop() ?? "";
  const count = group.effects.length;
  const open = group.effects.filter((one) => one.state === "open").length;
  const goingOn = open === 0 ? "" : open === count ? (open === 1 ? ", it goes on" : ", all go on") : `, ${open} ${open === 1 ? "goes" : "go"} on`;
  return `${count} ${count === 1 ? "effect" : "effects"} in ${services.length > 0 ? `${services.join(", ")} and ${last}` : last}${goingOn}`;
}

/** Return what is said of a section: "3", or "15 in 1 group" where effects are folded in. */
export function noteOf(groups: Group[]): string {
  const all = groups.reduce((sum, group) => sum + 1 + group.effects.length, 0);
  if (all === groups.length) return `${all}`;
  return `${all} in ${groups.length} ${groups.length === 1 ? "group" : "groups"}`;
}

/** Return the names that appear under `key`, sorted, each once. */
export function choicesOf(anomalies: Anomaly[], key: "service" | "measure"): string[] {
  return [...new Set(anomalies.map((one) => one[key]))].sort();
}
