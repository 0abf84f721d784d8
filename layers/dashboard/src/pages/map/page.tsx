/** Map: who calls whom, how much and with which errors; the origin of what is unusual, and how far its effects reach. */

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";

import { Button } from "../../components/controls.tsx";
import { Loaded, Panel, Told } from "../../components/panel.tsx";
import { get, getAll } from "../../lib/api.ts";
import { useTime } from "../../lib/clock.ts";
import { conditionOf, grouped } from "../../lib/condition.ts";
import { useQuery } from "../../lib/query.ts";
import { linkTo, useParameter } from "../../lib/router.ts";
import { isoOf } from "../../lib/time.ts";
import type { AnomaliesAnswer, Service } from "../../lib/types.ts";
import type { Page } from "../../shell/page.ts";
import { CallsTable } from "./calls_table.tsx";
import { asThen, callsOf, counted, idOf, lastDay, spreadOf } from "./graph.ts";
import type { GraphAnswer, Spread } from "./graph.ts";
import "./map.css";
import { NodePanel } from "./node_panel.tsx";
import { Picture } from "./picture.tsx";
import type { MapNode } from "./picture.tsx";

function View(): JSX.Element {
  const time = useTime();
  const span = lastDay({ from: time.span.from, to: Math.min(time.span.to, time.now) });
  const range = { from: isoOf(span.from), to: isoOf(span.to) };
  const [chosen, setChosen] = useParameter("node");
  const graph = useQuery(`map|${range.from}-${range.to}`, (signal) => get<GraphAnswer>("/v1/graph", range, signal), time.tick);
  const found = useQuery(`map anomalies|${range.from}-${range.to}`, (signal) => get<AnomaliesAnswer>("/v1/anomalies", { ...range, limit: 1_000 }, signal), time.tick);
  const services = useQuery("services", (signal) => getAll<{ services: Service[]; next: string | null }, Service>("/v1/services", { limit: 1_000 }, (page) => page.services, { signal }), time.tick);
  useEffect(() => {
    const leave = (event: KeyboardEvent): void => {
      if (event.key === "Escape" && chosen && !document.querySelector("dialog[open], .menu-list")) setChosen("");
    };
    document.addEventListener("keydown", leave);
    return () => document.removeEventListener("keydown", leave);
  }, [chosen]);
  return (
    <div class="page">
      <header class="page-head">
        <h1>Map</h1>
        {span.isCut && <span class="quiet small">The last day of the range: spans are kept for two.</span>}
      </header>
      <Loaded query={graph} height={460} empty={(answer) => (answer.nodes.length === 0 ? <NoCalls /> : null)}>
        {(answer) => {
          const groups = counted(grouped(found.data?.anomalies ?? []), time.isLive);
          const anomalies = groups.flatMap(({ head, effects }) => [head, ...effects]);
          const nodes = nodesOf(answer, time.isLive ? (services.data ?? []) : [], found.data && { ...found.data, anomalies: asThen(anomalies, time.isLive) });
          const calls = callsOf(answer.edges);
          const spread = spreadOf(groups, calls);
          const node = nodes.find((one) => one.id === chosen);
          const missing = (services.data ?? []).filter((one) => !nodes.some((each) => each.id === idOf("service", one.service))).map((one) => one.service);
          return (
            <>
              <Story spread={spread} isLive={time.isLive} error={found.error?.message} onRetry={found.reload} />
              <div class={`map-page ${node ? "has-panel" : ""}`}>
                <Panel title="Who calls whom" note={`${nodes.length} nodes, ${calls.length} calls`} isFlush isBusy={graph.isRefreshing || found.isRefreshing}>
                  <Picture nodes={nodes} calls={calls} spread={spread} chosen={chosen} onChoose={(id) => setChosen(id)} />
                  {missing.length > 0 && <p class="map-missing">Without calls that spans tell of: {missing.join(", ")}.</p>}
                  {answer.nodes_left_out > 0 && <p class="map-missing">The {answer.nodes_left_out} nodes with the fewest calls are left out.</p>}
                </Panel>
                {node && <NodePanel node={node} nodes={nodes} calls={calls} anomalies={anomalies} onChoose={(id) => setChosen(id)} />}
              </div>
              <CallsTable edges={answer.edges} nodes={nodes} onChoose={(id) => setChosen(id)} />
            </>
          );
        }}
      </Loaded>
    </div>
  );
}

/** Return the nodes with how each is. What `services` does not say of one, its spans do: it was heard. */
function nodesOf(answer: GraphAnswer, services: Service[], anomalies: AnomaliesAnswer | undefined): MapNode[] {
  return answer.nodes.map((node) => {
    const id = idOf(node.kind, node.name);
    if (node.kind !== "service") return { ...node, id, condition: "unknown" };
    const service = services.find((one) => one.service === node.name);
    return { ...node, id, condition: conditionOf(service ?? { service: node.name, state: "OK" }, anomalies) };
  });
}

/** Says in words what the map shows in colour. */
function Story(props: { spread: Spread; isLive: boolean; error: string | undefined; onRetry: () => void }): JSX.Element | null {
  const { spread, isLive, error } = props;
  if (error) {
    return (
      <p class="stale" role="status">
        What is unusual could not be loaded: {error} How services are is UNKNOWN. <Button label="Try again" look="plain" onClick={props.onRetry} />
      </p>
    );
  }
  if (spread.origins.size === 0) return null;
  return (
    <ul class="map-story">
      {[...spread.origins.values()].map(({ anomaly, reached }) => (
        <li key={anomaly.anomaly_id}>
          <strong>Origin</strong>{" "}
          <a href={linkTo(`/anomalies/${encodeURIComponent(anomaly.anomaly_id)}`)}>{anomaly.reason}</a>
          {reached.length > 0 && <span class="quiet"> {isLive ? "Its effects reach" : "Its effects reached"} {reached.join(", ")}.</span>}
        </li>
      ))}
    </ul>
  );
}

function NoCalls(): JSX.Element {
  return (
    <Panel title="Who calls whom">
      <Told icon="map" title="No calls in this time" tone="unknown" height={300}>The map is made of spans of the last two days. Choose another time, or send traces.</Told>
    </Panel>
  );
}

export const map: Page = {
  pattern: "/map",
  title: () => "Map",
  view: View,
  nav: { label: "Map", icon: "map", key: "m" },
};
