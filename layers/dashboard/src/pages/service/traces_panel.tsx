/** Traces that show what slow was: links to what happened in them. */

import type { JSX } from "preact";

import { Loaded, Panel, Told } from "../../components/panel.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import { millisText } from "../../lib/format.ts";
import { useTime } from "../../lib/clock.ts";
import type { Query } from "../../lib/query.ts";
import { linkTo } from "../../lib/router.ts";
import { timeText } from "../../lib/time.ts";
import type { SlowTrace } from "./traces.ts";

/** The slowest known traces of the range, slowest first. */
export function Traces({ traces, query }: { traces: SlowTrace[]; query: Query<unknown> }): JSX.Element {
  const { zone } = useTime();
  const columns: Array<Column<SlowTrace>> = [
    {
      id: "trace",
      title: "Trace",
      cell: (one) => <a class="mono" href={linkTo(`/logs/trace/${encodeURIComponent(one.trace_id)}`, { near: one.time })}>{one.trace_id.slice(0, 6)}…{one.trace_id.slice(-6)}</a>,
    },
    { id: "operation", title: "Operation", cell: (one) => one.operation || "(no name)" },
    { id: "time", title: "When", cell: (one) => <span class="number">{timeText(Date.parse(one.time), zone)}</span> },
    { id: "took", title: "Took", cell: (one) => millisText(one.value), isNumber: true },
  ];
  return (
    <Panel title="Slow traces" note="the slowest known" isFlush isBusy={query.isRefreshing}>
      <Loaded query={query} height={180} empty={() => (traces.length === 0 ? <Nothing /> : null)}>
        {() => <Table label="Table of slow traces" columns={columns} rows={traces} keyOf={(one) => `${one.trace_id} ${one.span_id}`} />}
      </Loaded>
    </Panel>
  );
}

function Nothing(): JSX.Element {
  return <Told icon="search" title="No trace is known">Senders told none in this time, or it is longer ago than 35 days.</Told>;
}
