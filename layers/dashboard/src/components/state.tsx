/** How a service is: a shape, a colour and a word, so that none of them has to be enough. */

import type { JSX } from "preact";

import "./state.css";

/** Best to worst, but UNKNOWN is no rank: it is said beside the others. */
export type Condition = "healthy" | "degraded" | "anomalous" | "unknown";

const WORDS: Record<Condition, string> = { healthy: "Healthy", degraded: "Degraded", anomalous: "Anomalous", unknown: "UNKNOWN" };
const SHAPES: Record<Condition, JSX.Element> = {
  healthy: <circle cx="6" cy="6" r="4" fill="currentColor" />,
  degraded: <path d="M6 1.5 11 10.5H1z" fill="currentColor" />,
  anomalous: <path d="M6 .8 11.2 6 6 11.2.8 6z" fill="currentColor" />,
  unknown: <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" stroke-width="1.6" stroke-dasharray="2 1.6" />,
};

/** The shape alone, for places where the word stands elsewhere. */
export function StateShape({ condition, size = 12 }: { condition: Condition; size?: number }): JSX.Element {
  return (
    <svg width={size} height={size} viewBox="0 0 12 12" aria-hidden="true" focusable="false">
      {SHAPES[condition]}
    </svg>
  );
}

/** Shape and word. `text` replaces the word where more is known. */
export function StateBadge(props: { condition: Condition; text?: string; isBare?: boolean }): JSX.Element {
  return (
    <span class={`state is-${props.condition} ${props.isBare ? "is-bare" : ""}`}>
      <StateShape condition={props.condition} />
      {props.text ?? WORDS[props.condition]}
    </span>
  );
}
