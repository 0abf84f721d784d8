/** Senders: who sends telemetry, and what multiplies the series of a service. */

import type { JSX } from "preact";

import { Loaded, Panel, Told } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import { getAll } from "../../lib/api.ts";
import type { Time } from "../../lib/clock.ts";
import { countText } from "../../lib/format.ts";
import { useQuery } from "../../lib/query.ts";
import { useParameter } from "../../lib/router.ts";
import { agoText } from "../../lib/time.ts";
import { CardinalityPanel } from "./cardinality.tsx";
import { fitting, useNarrow } from "./narrow.ts";
import type { Sender } from "./types.ts";

const SILENT_MS = 15 * 60_000;

/** The tab. */
export function SendersPart({ time }: { time: Time }): JSX.Element {
  const [order, setOrder] = useParameter("sort", "-seen");
  const isNarrow = useNarrow();
  const query = useQuery(
    "senders",
    (signal) => getAll<{ senders: Sender[]; next: string | null }, Sender>("/v1/senders", { limit: 1_000 }, (page) => page.senders, { signal }),
    time.tick,
  );
  return (
    <div class="stack">
      <Panel title="Who sends" note={query.data ? countText(query.data.length) : undefined} isFlush isBusy={query.isRefreshing}>
        <Loaded query={query} height={200} empty={(all) => (all.length === 0 ? <Told icon="service" title="Nobody has sent anything yet" /> : null)}>
          {(rows) => (
            <Table
              label="Senders"
              columns={fitting(columnsOf(time.now, isNarrow), isNarrow, ["product", "requests", "seen"])}
              rows={rows}
              keyOf={(row) => `${row.user_agent} ${row.signal} ${row.form} ${row.encoding} ${row.key_id}`}
              order={order}
              onOrder={setOrder}
            />
          )}
        </Loaded>
      </Panel>
      <CardinalityPanel time={time} />
    </div>
  );
}

function columnsOf(now: number, isNarrow: boolean): Array<Column<Sender>> {
  return [
    {
      id: "product",
      title: "Sender",
      value: (row) => row.product || row.user_agent,
      cell: (row) => (
        <span class="platform-function">
          <span class="platform-strong">{row.product || "told nothing of itself"} {row.version}</span>
          {isNarrow && <small>{row.signal}, {row.form}, {row.encoding}</small>}
          {row.user_agent !== `${row.product}/${row.version}` && <small title={row.user_agent}>{row.user_agent}</small>}
        </span>
      ),
    },
    { id: "signal", title: "Signal", value: (row) => row.signal, cell: (row) => row.signal },
    { id: "form", title: "Form", value: (row) => row.form, cell: (row) => <span class="platform-nowrap">{row.form}, {row.encoding}</span> },
    { id: "key", title: "Key", value: (row) => row.key_id, cell: (row) => <code>{row.key_id}</code> },
    { id: "requests", title: "Requests, at least", value: (row) => row.requests, cell: (row) => countText(row.requests), isNumber: true },
    {
      id: "seen",
      title: "Last heard",
      value: (row) => row.last_seen,
      cell: (row) => <Seen at={Date.parse(row.last_seen)} now={now} />,
      isNumber: true,
    },
  ];
}

function Seen({ at, now }: { at: number; now: number }): JSX.Element {
  const text = agoText(at, now);
  return now - at > SILENT_MS ? <StateBadge condition="degraded" text={`silent, ${text}`} /> : <span class="quiet platform-nowrap">{text}</span>;
}
