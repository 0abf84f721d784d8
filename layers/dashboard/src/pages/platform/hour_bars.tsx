/** The hours of a day as small bars; an hour that was not measured is hatched. */

import type { JSX } from "preact";

import type { Column } from "../../lib/types.ts";

const WIDTH = 4;
const GAP = 1;

/** Bars of `values`, of which `marked` ones are drawn in the colour of errors; `label` is read out. */
export function HourBars({ label, values, marked, height = 22 }: { label: string; values: Column; marked?: Column; height?: number }): JSX.Element {
  const most = Math.max(1, ...values.map((value) => value ?? 0));
  const whole = values.length * (WIDTH + GAP) - GAP;
  return (
    <svg class="platform-hours" viewBox={`0 0 ${whole} ${height}`} width={whole} height={height} role="img" aria-label={label}>
      {values.map((value, index) => {
        const x = index * (WIDTH + GAP);
        if (value === null) return <rect key={index} class="is-unknown" x={x} y={height - 3} width={WIDTH} height={3} />;
        if (value === 0) return <rect key={index} class="is-zero" x={x} y={height - 1} width={WIDTH} height={1} />;
        const size = Math.max(2, (value / most) * height);
        return <rect key={index} class={(marked?.[index] ?? 0) > 0 ? "is-marked" : "is-usual"} x={x} y={height - size} width={WIDTH} height={size} />;
      })}
    </svg>
  );
}
