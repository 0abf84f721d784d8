/** What the signs of the map mean. */

import type { JSX } from "preact";

import type { ErrorClass } from "./graph.ts";

const LINES: Array<[ErrorClass, string]> = [
  ["few", "below 1 % errors"],
  ["some", "1 to 5 %"],
  ["many", "5 % and more"],
];

/** The legend: lines by errors, width by rate, the way of effects. */
export function Legend(): JSX.Element {
  return (
    <ul class="map-legend" aria-label="Signs">
      {LINES.map(([errors, text]) => (
        <li key={errors}>
          <svg width="34" height="10" aria-hidden="true"><g class={`map-line is-${errors}`}><path class="map-stroke" d="M1 5H33" stroke-width="2.5" /></g></svg> {text}
        </li>
      ))}
      <li><svg width="34" height="10" aria-hidden="true"><path class="map-wedge" d="M1 5L33 1V9z" /></svg> wider: more calls</li>
      <li><svg width="34" height="12" aria-hidden="true"><g class="map-line"><path class="map-halo" d="M1 6H33" /></g></svg> way of the effects</li>
    </ul>
  );
}
