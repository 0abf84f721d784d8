/** What could not be judged, and why: no anomaly there is no proof of health. */

import type { JSX } from "preact";

import { Icon } from "../../components/icon.tsx";
import { Panel } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import { measureText } from "../../lib/anomaly.ts";
import { linkTo } from "../../lib/router.ts";
import type { Unknown } from "../../lib/types.ts";

const COLUMNS: Array<Column<Unknown>> = [
  {
    id: "service",
    title: "Service",
    value: (row) => row.service,
    cell: (row) => (row.service === "*" ? "All services" : <a href={linkTo(`/services/${encodeURIComponent(row.service)}`)}>{row.service}</a>),
  },
  {
    id: "measure",
    title: "What",
    value: (row) => row.measure,
    cell: (row) => (row.measure === "" ? "Everything" : measureText({ ...row, operation: "" })),
  },
  { id: "state", title: "State", cell: () => <StateBadge condition="unknown" /> },
  { id: "reason", title: "Why", value: (row) => row.reason, cell: (row) => row.reason },
];

/** The panel; of an empty list it says that everything was judged. */
export function UnknownPanel({ unknown, judgedAt }: { unknown: Unknown[]; judgedAt: string }): JSX.Element {
  return (
    <Panel title="Cannot be judged" note={unknown.length > 0 ? `${unknown.length}` : undefined} isFlush>
      {unknown.length === 0 ? (
        <p class="anomaly-nothing"><Icon name="check" /> All that is heard is judged{judgedAt && `, as of ${judgedAt}`}.</p>
      ) : (
        <Table label="Series that cannot be judged" columns={COLUMNS} rows={unknown} keyOf={(row) => `${row.service} ${row.measure} ${row.metric} ${row.reason}`} />
      )}
    </Panel>
  );
}
