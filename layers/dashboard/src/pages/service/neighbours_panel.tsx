/** The services and other things beside this one in the call graph. */

import type { JSX } from "preact";

import { Loaded, Panel, Told } from "../../components/panel.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import { get } from "../../lib/api.ts";
import { useTime } from "../../lib/clock.ts";
import { millisText, percentText, rateText } from "../../lib/format.ts";
import { useQuery } from "../../lib/query.ts";
import { linkTo } from "../../lib/router.ts";
import { isoOf } from "../../lib/time.ts";
import { orNothing } from "./ask.ts";
import { graphSpan, neighboursOf } from "./neighbours.ts";
import type { Edge, GraphAnswer } from "./types.ts";

const KINDS: Record<Edge["callee_kind"], string> = { service: "", database: "database", queue: "queue", external: "external" };

/** Callers and what is called, with rate, errors and latency as the caller saw them. */
export function Neighbours({ service }: { service: string }): JSX.Element {
  const time = useTime();
  const span = graphSpan(time.span);
  const graph = useQuery(`service graph ${service}|${time.key}`, (signal) => orNothing(get<GraphAnswer>("/v1/graph", { service, from: isoOf(span.from), to: time.to }, signal)), time.tick);
  return (
    <Panel title="Neighbours" note={span.isCut ? "last 6 hours of the range" : "by sampled traces"} isFlush isBusy={graph.isRefreshing} tools={<a class="button is-plain" href={linkTo("/map", { node: service })}>Map</a>}>
      <Loaded query={graph} height={180} empty={(answer) => (!answer?.edges.length ? <Told icon="map" title="No calls are known">In this time no trace led to {service} or on from it. The graph is kept for two days.</Told> : null)}>
        {(answer) => {
          const { callers, callees } = neighboursOf(answer?.edges ?? [], service);
          return (
            <>
              <Side title="Called by" empty="No service calls it: its requests come from outside." edges={callers} name={(edge) => edge.caller} />
              <Side title="Calls" empty="It calls nothing that is known." edges={callees} name={(edge) => edge.callee} />
            </>
          );
        }}
      </Loaded>
    </Panel>
  );
}

function Side(props: { title: string; empty: string; edges: Edge[]; name: (edge: Edge) => string }): JSX.Element {
  const columns: Array<Column<Edge>> = [
    { id: "name", title: props.title, cell: (edge) => <Name edge={edge} name={props.name(edge)} /> },
    { id: "calls", title: "Calls", cell: (edge) => rateText(edge.calls_per_minute / 60), isNumber: true },
    { id: "errors", title: "Errors", cell: (edge) => percentText(edge.error_ratio), isNumber: true },
    { id: "p95", title: "p95", cell: (edge) => millisText(edge.p95_ms), isNumber: true },
  ];
  if (props.edges.length === 0) return <p class="service-none"><strong>{props.title}</strong> {props.empty}</p>;
  return <Table label={props.title} columns={columns} rows={props.edges} keyOf={(edge) => `${props.name(edge)} ${edge.callee_kind} ${edge.kind}`} />;
}

function Name({ edge, name }: { edge: Edge; name: string }): JSX.Element {
  const kind = name === edge.callee ? KINDS[edge.callee_kind] : "";
  const about = [kind, edge.kind === "message" ? "messages" : ""].filter(Boolean).join(", ");
  return (
    <>
      {kind === "" ? <a href={linkTo(`/services/${encodeURIComponent(name)}`)}>{name}</a> : name}
      {about && <span class="quiet small"> {about}</span>}
    </>
  );
}
