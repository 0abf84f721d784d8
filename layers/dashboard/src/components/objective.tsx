/** A measured value beside its objective: both in words, and a bar that is full where the objective is reached. */

import type { JSX } from "preact";

import { conditionOf, lengthText, shareOf, worstOf } from "../lib/backup.ts";
import type { Check } from "../lib/backup.ts";
import "./objective.css";
import { StateBadge, StateShape } from "./state.tsx";

/** The value and its bar; `objectiveS` is said where nothing was measured yet. */
export function Objective({ check, objectiveS }: { check: Check | undefined; objectiveS: number }): JSX.Element {
  const share = shareOf(check);
  const worst = worstOf(check);
  const condition = conditionOf(check?.standing ?? null);
  return (
    <span class={`objective is-${condition}`} title={check?.sentence ?? "Not audited yet"}>
      <span class="objective-text">
        {condition === "unknown" ? <StateBadge condition="unknown" /> : <><StateShape condition={condition} /> <b>{lengthText(check?.measured)}</b></>}
        {condition !== "unknown" && worst !== null && <span> now, up to <b>{lengthText(worst)}</b></span>}
        <span class="quiet"> of {lengthText(check?.objective ?? objectiveS)}</span>
      </span>
      <span class="objective-bar" aria-hidden="true">
        {share !== null && <span style={{ width: `${Math.min(100, Math.max(2, share * 100))}%` }} />}
      </span>
      {check && check.standing === "missed" && <span class="only-read">missed</span>}
    </span>
  );
}
