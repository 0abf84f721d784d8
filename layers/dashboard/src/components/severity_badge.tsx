/** How severe an anomaly is, and whether it goes on: shape, colour and words. */

import type { JSX } from "preact";

import type { Anomaly } from "../lib/types.ts";
import { StateShape } from "./state.tsx";
import type { Condition } from "./state.tsx";
import "./severity_badge.css";

const CONDITIONS: Record<Anomaly["severity"], Condition> = { critical: "anomalous", warning: "anomalous", info: "degraded" };
const WORDS: Record<Anomaly["severity"], string> = { critical: "Critical", warning: "Warning", info: "Info" };

/** A badge such as "Critical", or "Critical, ended" in grey. Warnings are hollow, so that hue is not all that tells them. */
export function SeverityBadge({ one }: { one: Pick<Anomaly, "severity" | "state"> }): JSX.Element {
  const isOver = one.state === "ended";
  return (
    <span class={`state severity-badge is-${CONDITIONS[one.severity]} is-${one.severity} ${isOver ? "is-over" : ""}`}>
      <StateShape condition={CONDITIONS[one.severity]} />
      {WORDS[one.severity]}
      {isOver && <span class="only-read">, ended</span>}
    </span>
  );
}
