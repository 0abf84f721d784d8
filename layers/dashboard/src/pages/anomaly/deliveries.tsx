/** Who was told of it, where, and whether it arrived. */

import type { JSX } from "preact";

import { Loaded, Panel } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import type { Condition } from "../../components/state.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import { getAll } from "../../lib/api.ts";
import { useQuery } from "../../lib/query.ts";
import { timeText } from "../../lib/time.ts";
import type { AnomalyDetail, Delivery } from "./types.ts";

const STATES: Record<Delivery["state"], [Condition, string]> = {
  sent: ["healthy", "sent"],
  sending: ["unknown", "sending"],
  waiting: ["degraded", "waiting"],
  undeliverable: ["anomalous", "undeliverable"],
  unclear: ["unknown", "UNKNOWN"],
  superseded: ["healthy", "superseded"],
};
const TOLD: Record<string, string> = { detected: "that it began", ended: "that it ended" };

/** The panel. Of an effect people are told with its origin, so that one's messages are shown. */
export function DeliveriesPanel({ one, tick, zone }: { one: AnomalyDetail; tick: number; zone: string }): JSX.Element {
  const topic = one.part === "effect" && one.origin ? one.origin_id : one.anomaly_id;
  const day = topic.slice(0, 8).replace(/^(\d{4})(\d\d)(\d\d)$/, "$1-$2-$3T00:00:00Z");
  const told = useQuery(
    `told ${topic}`,
    (signal) => getAll<{ deliveries: Delivery[]; next: string | null }, Delivery>("/v1/alerts/deliveries", { anomaly: topic, from: day, to: day, limit: 1_000 }, (page) => page.deliveries, { signal }),
    tick,
  );
  return (
    <Panel title="Who was told" note={topic === one.anomaly_id ? undefined : "of its origin"} isFlush isBusy={told.isRefreshing}>
      <Loaded query={told} height={90} empty={(all) => (all.length === 0 ? <p class="anomaly-note is-inside">Nobody: no channel is set up for this service and severity, or it is told with another one.</p> : null)}>
        {(all) => <Table label="Messages" columns={columnsOf(zone)} rows={all} keyOf={(row) => row.id} />}
      </Loaded>
    </Panel>
  );
}

function columnsOf(zone: string): Array<Column<Delivery>> {
  return [
    { id: "at", title: "When", value: (row) => row.created_at, cell: (row) => timeText(Date.parse(row.created_at), zone) },
    { id: "channel", title: "Channel", value: (row) => row.channel, cell: (row) => row.channel },
    { id: "told", title: "What", value: (row) => row.told, cell: (row) => TOLD[row.told] ?? row.told },
    {
      id: "state",
      title: "Arrived",
      value: (row) => row.state,
      cell: (row) => {
        const [condition, text] = STATES[row.state] ?? ["unknown", row.state];
        const attempts = row.attempts > 1 ? `after ${row.attempts} attempts` : "";
        return (
          <>
            <StateBadge condition={condition} text={text} />
            {(row.reason || attempts) && <small class="quiet small"> {[attempts, row.reason].filter(Boolean).join(": ")}</small>}
          </>
        );
      },
    },
  ];
}
