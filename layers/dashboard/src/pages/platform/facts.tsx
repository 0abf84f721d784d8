/** Names and what they are, side by side. */

import type { ComponentChildren, JSX } from "preact";

/** A list of facts. */
export function Facts({ facts }: { facts: Array<[name: string, value: ComponentChildren]> }): JSX.Element {
  return (
    <dl class="platform-facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
