/** What an anomaly follows from, and what follows from it. */

import type { JSX } from "preact";

import { Button } from "../../components/controls.tsx";
import { Panel } from "../../components/panel.tsx";
import { MEASURES } from "../../lib/anomaly.ts";
import { linkTo, useParameter } from "../../lib/router.ts";
import type { AnomalyBrief } from "../../lib/types.ts";
import type { AnomalyDetail } from "./types.ts";

const FEW = 6;

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
  return <Effects effects={one.effects} />;
}

/** The first few effects, service by service; all of them on demand. */
function Effects({ effects }: { effects: AnomalyBrief[] }): JSX.Element {
  const [wanted, setWanted] = useParameter("effects");
  const services = [...new Set(effects.map((effect) => effect.service))];
  const ordered = services.flatMap((service) => effects.filter((effect) => effect.service === service));
  const shown = wanted === "all" || ordered.length <= FEW + 1 ? ordered : ordered.slice(0, FEW);
  return (
    <Panel title="Followed by" note={`${effects.length} in ${services.length === 1 ? "one service" : `${services.length} services`}`} isFlush>
      <ul class="related">{shown.map((effect) => <Related key={effect.anomaly_id} one={effect} />)}</ul>
      {shown.length < ordered.length && <div class="related-more"><Button label={`All ${ordered.length}`} look="plain" icon="down" onClick={() => setWanted("all", { replace: true })} /></div>}
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
