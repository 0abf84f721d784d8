/** How services are, by what the detector says and by what is heard of them. */

import type { Condition } from "../components/state.tsx";
import type { AnomaliesAnswer, Anomaly, Service } from "./types.ts";

/**
 * Return the condition of a service: UNKNOWN when nothing is heard of it or the detector cannot judge any of it,
 * anomalous while an anomaly of severity warning or above is open, degraded while one of severity info is.
 */
export function conditionOf(service: Pick<Service, "service" | "state">, answer: AnomaliesAnswer | undefined): Condition {
  if (service.state === "UNKNOWN" || !answer) return "unknown";
  const open = answer.anomalies.filter((one) => one.service === service.service && one.state === "open");
  if (open.some((one) => one.severity !== "info")) return "anomalous";
  if (open.length > 0) return "degraded";
  return isJudged(service.service, answer) ? "healthy" : "unknown";
}

/** The name under which opsloop tells of itself; its health says how it is, not the detector. */
export const OWN_SERVICE = "opsloop";

/** Return how one measure of a whole service is: by its own open anomalies alone. */
export function measureCondition(service: string, measure: string, answer: AnomaliesAnswer | undefined): Condition {
  const open = (answer?.anomalies ?? []).filter((one) => one.state === "open" && one.service === service && one.measure === measure);
  if (open.some((one) => one.severity !== "info")) return "anomalous";
  return open.length > 0 ? "degraded" : "healthy";
}

/** Return whether anything of a service is judged: no entry says that all of it, or of everything, cannot be. */
export function isJudged(service: string, answer: AnomaliesAnswer): boolean {
  return !answer.unknown.some((one) => one.measure === "" && (one.service === service || one.service === "*"));
}

/** An anomaly with those that follow from it. */
export interface Group {
  head: Anomaly;
  effects: Anomaly[];
}

/** Return `anomalies` grouped under their origins; an effect whose origin is not among them stands alone. Order stays. */
export function grouped(anomalies: Anomaly[]): Group[] {
  const known = new Set(anomalies.map((one) => one.anomaly_id));
  const isEffect = (one: Anomaly): boolean => one.origin_id !== "" && one.origin_id !== one.anomaly_id && known.has(one.origin_id);
  return anomalies
    .filter((one) => !isEffect(one))
    .map((head) => ({ head, effects: anomalies.filter((one) => isEffect(one) && one.origin_id === head.anomaly_id) }));
}
