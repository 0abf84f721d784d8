/** What changed within a day: anomalies that began or ended, services that came or went. */

import type { Condition } from "../../components/state.tsx";
import { DAY } from "../../lib/time.ts";
import type { Anomaly, Service } from "../../lib/types.ts";

export interface Change {
  at: number;
  condition: Condition;
  text: string;
  /** Path of the page that tells more. */
  path: string;
}

/** Return the changes of the day before `now` (ms), newest first. Effects are left out: their origin is told. */
export function changesOf(services: Service[], anomalies: Anomaly[], now: number): Change[] {
  const found: Change[] = [];
  for (const one of anomalies) {
    if (one.part === "effect") continue;
    const path = `/anomalies/${encodeURIComponent(one.anomaly_id)}`;
    found.push({ at: Date.parse(one.first_minute), condition: one.severity === "info" ? "degraded" : "anomalous", text: one.reason, path });
    if (one.state === "ended") {
      found.push({ at: Date.parse(one.last_minute) + 60_000, condition: "healthy", text: `${one.service}: ${one.measure.replace("_", " ")} is as usual again.`, path });
    }
  }
  for (const one of services) {
    const path = `/services/${encodeURIComponent(one.service)}`;
    if (one.first_seen) found.push({ at: Date.parse(one.first_seen), condition: "healthy", text: `${one.service} was heard for the first time.`, path });
    if (one.state === "UNKNOWN" && one.last_seen) found.push({ at: Date.parse(one.last_seen), condition: "unknown", text: `${one.service} was heard for the last time.`, path });
  }
  return found.filter((one) => one.at > now - DAY && one.at <= now).sort((one, other) => other.at - one.at);
}
