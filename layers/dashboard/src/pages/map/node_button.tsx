/** One node of the map: state, name, figures; a button that opens its panel. */

import type { JSX } from "preact";

import { StateShape } from "../../components/state.tsx";
import type { Condition } from "../../components/state.tsx";
import { percentText, rateText } from "../../lib/format.ts";
import type { Anomaly } from "../../lib/types.ts";
import { NODE } from "./layout.ts";
import type { Placed } from "./layout.ts";
import type { MapNode } from "./picture.tsx";

export const WORDS: Record<Condition, string> = { healthy: "healthy", degraded: "degraded", anomalous: "anomalous", unknown: "UNKNOWN" };

interface NodeProps {
  node: MapNode;
  place: Placed;
  origin: Anomaly | undefined;
  isReached: boolean;
  isChosen: boolean;
  onChoose: () => void;
}

/** The button. What is no service has a dashed edge and says what it is. */
export function NodeButton({ node, place, origin, isReached, isChosen, onChoose }: NodeProps): JSX.Element {
  const isService = node.kind === "service";
  const role = origin ? "Origin" : isReached ? "Effect" : isService ? "" : node.kind;
  const standing = isService && node.condition === "unknown" ? "UNKNOWN · " : "";
  const figures = `${standing}${rateText(node.requests_per_minute / 60)} · ${node.error_ratio === null ? "no requests" : `${percentText(node.error_ratio)} errors`}`;
  const classes = ["map-node", `is-${node.condition}`, isService ? "" : "is-beside", origin ? "is-origin" : "", isReached ? "is-reached" : "", isChosen ? "is-chosen" : ""];
  return (
    <button
      type="button"
      class={classes.filter(Boolean).join(" ")}
      style={{ left: `${place.x}px`, top: `${place.y}px`, width: `${NODE.width}px`, height: `${NODE.height}px` }}
      aria-pressed={isChosen}
      title={origin?.reason ?? node.name}
      onClick={onChoose}
    >
      {role && <span class="map-role">{role}</span>}
      <span class="map-name">
        <span class={`map-shape state is-bare is-${node.condition}`}><StateShape condition={node.condition} /></span>
        <strong class="truncate">{node.name}</strong>
        {isService && <span class="only-read">, {WORDS[node.condition]}</span>}
      </span>
      <span class="map-figures truncate">{figures}</span>
    </button>
  );
}
