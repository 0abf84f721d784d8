/** The same graph as a table: for screen readers, phones, and whoever would rather sort than look. */

import type { JSX } from "preact";

import { Panel } from "../../components/panel.tsx";
import { StateShape } from "../../components/state.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import { millisText, percentText, rateText } from "../../lib/format.ts";
import { useParameter } from "../../lib/router.ts";
import { idOf } from "./graph.ts";
import type { GraphEdge } from "./graph.ts";
import { WORDS } from "./node_button.tsx";
import type { MapNode } from "./picture.tsx";

/** The panel; its order is in the address. */
export function CallsTable({ edges, nodes, onChoose }: { edges: GraphEdge[]; nodes: MapNode[]; onChoose: (id: string) => void }): JSX.Element {
  const [order, setOrder] = useParameter("sort", "-errors");
  const byId = new Map(nodes.map((one) => [one.id, one]));
  const end = (id: string): JSX.Element => {
    const node = byId.get(id);
    return (
      <button type="button" class="map-end" onClick={() => onChoose(id)}>
        {node?.kind === "service" && <span class={`state is-bare is-${node.condition}`}><StateShape condition={node.condition} /><span class="only-read">{WORDS[node.condition]}, </span></span>}
        <span class="truncate">{node?.name ?? id}</span>
        {node && node.kind !== "service" && <span class="quiet small"> {node.kind}</span>}
      </button>
    );
  };
  const columns: Array<Column<GraphEdge>> = [
    { id: "caller", title: "Caller", value: (row) => row.caller, cell: (row) => end(idOf("service", row.caller)) },
    { id: "callee", title: "Callee", value: (row) => row.callee, cell: (row) => end(idOf(row.callee_kind, row.callee)) },
    { id: "kind", title: "How", value: (row) => row.kind, cell: (row) => row.kind },
    { id: "rate", title: "Calls", isNumber: true, value: (row) => row.calls_per_minute, cell: (row) => rateText(row.calls_per_minute / 60) },
    { id: "errors", title: "Errors", isNumber: true, value: (row) => row.error_ratio, cell: (row) => (row.error_ratio === null ? "UNKNOWN" : percentText(row.error_ratio)) },
    { id: "p50", title: "p50", isNumber: true, value: (row) => row.p50_ms, cell: (row) => millisText(row.p50_ms) },
    { id: "p95", title: "p95", isNumber: true, value: (row) => row.p95_ms, cell: (row) => millisText(row.p95_ms) },
  ];
  return (
    <Panel title="Calls" note={`${edges.length}`} isFlush>
      <Table label="Calls between nodes" columns={columns} rows={edges} keyOf={(row) => `${row.caller} ${row.callee_kind} ${row.callee} ${row.kind}`} order={order} onOrder={setOrder} />
    </Panel>
  );
}
