/** A small line without axes, with its usual band behind it. */

import type { JSX } from "preact";

import type { Condition } from "../components/state.tsx";
import { unknownRuns } from "./grid.ts";
import type { Values } from "./grid.ts";
import "./sparkline.css";
import { bandPath, highestOf, linePath } from "./sparkline_path.ts";

const WIDTH = 120;

/** A sparkline; `label` is read out. The scale begins at zero and goes to the highest value or `least`. */
export function Sparkline(props: {
  label: string;
  values: Values;
  low?: Values | undefined;
  high?: Values | undefined;
  least?: number;
  height?: number;
  condition?: Condition;
}): JSX.Element {
  const { values, low, high, height = 28 } = props;
  const most = highestOf([values, high], props.least ?? 0) * 1.05;
  const step = WIDTH / Math.max(1, values.length - 1);
  return (
    <svg
      class={`sparkline is-${props.condition ?? "healthy"}`}
      viewBox={`0 0 ${WIDTH} ${height}`}
      height={height}
      preserveAspectRatio="none"
      role="img"
      aria-label={props.label}
    >
      <defs>
        <pattern id="hatch" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <line x1="0" y1="0" x2="0" y2="4" stroke="var(--unknown)" stroke-width="1" opacity="0.5" />
        </pattern>
      </defs>
      {unknownRuns([values], values.length).map(([first, last]) => (
        <rect key={first} class="unknown" x={Math.max(0, (first - 0.5) * step)} y="0" width={Math.min(WIDTH, (last - first + 1) * step)} height={height} />
      ))}
      {low && high && <path class="band" d={bandPath(low, high, most, WIDTH, height)} />}
      <path class="line" d={linePath(values, most, WIDTH, height)} />
    </svg>
  );
}
