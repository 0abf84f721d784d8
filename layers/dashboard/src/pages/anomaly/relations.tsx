/** What an anomaly follows from, and what follows from it. */

import type { JSX } from "preact";

import { Panel } from "../../components/panel.tsx";
import { MEASURES } from "../../lib/anomaly.ts";
import { linkTo } from "../../lib/router.ts";
import type { AnomalyBrief } from "../../lib/types.ts";
import type { AnomalyDetail } from "./types.ts";

/** The panel: the origin, or the effects by service. */
export function RelationsPanel({ one }: { one: AnomalyDetail }): JSX.Element {
  if (one.part === "effect") {
    return (
      <Panel title="Follows from" isFlush>
        {one.origin ? (
          <ul class="related"><Related one={one.origin} isOrigin /></ul>
        ) : (
          <p class="anomaly-note is-inside">An anomaly of {one.origin_service || "another service"} that is not stored any more.</p>
        )}
      </Panel>
    );
  }
  if (one.effects.length === 0) {
    const text = "Nothing else was unusual along its calls at that time: it neither follows from another service nor is it followed.";
    return <Panel title="Origin and effects"><p class="quiet">{text}</p></Panel>;
  }
  const services = [...new Set(one.effects.map((effect) => effect.service))];
  return (
    <Panel title="Followed by" note={`${one.effects.length} in ${services.length === 1 ? "one service" : `${services.length} services`}`} isFlush>
      <ul class="related">
        {services.flatMap((service) => one.effects.filter((effect) => effect.service === service).map((effect) => <Related key={effect.anomaly_id} one={effect} />))}
      </ul>
    </Panel>
  );
}

function Related({ one, isOrigin = false }: { one: AnomalyBrief; isOrigin?: boolean }): JSX.Element {
  return (
    <li>
      <a class="related-row" href={linkTo(`/anomalies/${encodeURIComponent(one.anomaly_id)}`)}>
        <span class="related-kind">{isOrigin ? "Origin" : (MEASURES[one.measure] ?? one.measure)}</span>
        <span>{one.reason}</span>
      </a>
    </li>
  );
}
