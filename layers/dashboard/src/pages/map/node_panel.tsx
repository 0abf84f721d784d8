/** One node of the map in detail: how it is, who calls it, what it calls, what is unusual, where to go on. */

import type { JSX } from "preact";

import { Button } from "../../components/controls.tsx";
import { Icon } from "../../components/icon.tsx";
import { SeverityBadge } from "../../components/severity_badge.tsx";
import { StateBadge } from "../../components/state.tsx";
import { titleOf } from "../../lib/anomaly.ts";
import { countText, millisText, percentText, rateText, UNKNOWN_TEXT } from "../../lib/format.ts";
import { linkTo } from "../../lib/router.ts";
import type { Anomaly } from "../../lib/types.ts";
import { errorClassOf } from "./graph.ts";
import type { Calls } from "./graph.ts";
import type { MapNode } from "./picture.tsx";

interface NodePanelProps {
  node: MapNode;
  nodes: MapNode[];
  calls: Calls[];
  anomalies: Anomaly[];
  onChoose: (id: string) => void;
}

/** The panel. */
export function NodePanel({ node, nodes, calls, anomalies, onChoose }: NodePanelProps): JSX.Element {
  const busiest = (one: Calls, other: Calls): number => other.perMinute - one.perMinute;
  const callers = calls.filter((one) => one.to === node.id && one.from !== node.id).sort(busiest);
  const callees = calls.filter((one) => one.from === node.id && one.to !== node.id).sort(busiest);
  const isService = node.kind === "service";
  const unusual = anomalies.filter((one) => isService && one.service === node.name);
  return (
    <aside class="panel map-panel" aria-label={`${node.name}, chosen`}>
      <header class="panel-head">
        <h2>{node.name}</h2>
        <Button label="Close" icon="close" isIconOnly look="plain" onClick={() => onChoose("")} />
      </header>
      <div class="panel-body stack">
        <div class="row">
          {isService ? <StateBadge condition={node.condition} /> : <span class="quiet">{node.kind}, told of by its callers</span>}
        </div>
        <dl class="map-facts">
          <div><dt>Requests</dt><dd>{rateText(node.requests_per_minute / 60)}</dd></div>
          <div><dt>Errors</dt><dd>{node.error_ratio === null ? UNKNOWN_TEXT : percentText(node.error_ratio)}</dd></div>
          <div><dt>p95</dt><dd>{millisText(node.p95_ms)}</dd></div>
        </dl>
        {unusual.length > 0 && (
          <section>
            <h3>Unusual</h3>
            <ul class="map-list">
              {unusual.slice(0, 6).map((one) => (
                <li key={one.anomaly_id}><a class="map-item" href={linkTo(`/anomalies/${encodeURIComponent(one.anomaly_id)}`)}><SeverityBadge one={one} /> <span>{titleOf(one).slice(one.service.length + 2)}</span></a></li>
              ))}
            </ul>
            {unusual.length > 6 && <a class="small" href={linkTo("/anomalies", { service: node.name })}>All {unusual.length}</a>}
          </section>
        )}
        <Neighbours title="Called by" calls={callers} end="from" nodes={nodes} onChoose={onChoose} />
        <Neighbours title="Calls" calls={callees} end="to" nodes={nodes} onChoose={onChoose} />
        {isService && (
          <div class="row">
            <a class="button" href={linkTo(`/services/${encodeURIComponent(node.name)}`)}><Icon name="service" /> Service</a>
            <a class="button" href={linkTo("/logs", { service: node.name })}><Icon name="log" /> Logs</a>
          </div>
        )}
        <p class="quiet small">{node.is_exact ? "From all traces of that time." : `From a sample: ${countText(node.sampled)} spans.`}</p>
      </div>
    </aside>
  );
}

function Neighbours(props: { title: string; calls: Calls[]; end: "from" | "to"; nodes: MapNode[]; onChoose: (id: string) => void }): JSX.Element {
  return (
    <section>
      <h3>{props.title}</h3>
      {props.calls.length === 0 && <p class="quiet small">Nothing that spans tell of.</p>}
      <ul class="map-list">
        {props.calls.map((one) => {
          const id = one[props.end];
          return (
            <li key={id}>
              <button type="button" class="map-item" onClick={() => props.onChoose(id)}>
                <span class="truncate">{props.nodes.find((node) => node.id === id)?.name ?? id}</span>
                <span class={`map-share is-${errorClassOf(one.errorRatio)}`}>{rateText(one.perMinute / 60)}, {one.errorRatio === null ? "UNKNOWN" : percentText(one.errorRatio)}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
