/** The operations that a change of a whole service is made of. */

import type { JSX } from "preact";

import { Panel } from "../../components/panel.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import { anomalyValue, timesText } from "../../lib/anomaly.ts";
import { percentText } from "../../lib/format.ts";
import type { AnomalyDetail } from "./types.ts";

type Part = AnomalyDetail["contributing"][number];

/** The panel, or nothing where nothing is known. */
export function MadeOfPanel({ one }: { one: AnomalyDetail }): JSX.Element | null {
  if (one.contributing.length === 0) return null;
  const columns: Array<Column<Part>> = [
    { id: "operation", title: "Operation", value: (part) => part.operation, cell: (part) => <span class="operation">{part.operation || "(none)"}</span> },
    {
      id: "share",
      title: "Its share",
      isNumber: true,
      value: (part) => part.share,
      cell: (part) => (
        <span class="share">
          <span class="share-bar" aria-hidden="true"><span style={{ width: `${Math.min(1, Math.max(0, part.share)) * 100}%` }} /></span>
          {percentText(part.share)}
        </span>
      ),
    },
    { id: "value", title: "Measured", isNumber: true, value: (part) => part.value, cell: (part) => anomalyValue(part.value, one.unit) },
    { id: "expected", title: "Expected", isNumber: true, value: (part) => part.expected, cell: (part) => anomalyValue(part.expected, one.unit) },
    { id: "far", title: "Against the usual", cell: (part) => <span class="quiet small far">{timesText(part.value, part.expected)}</span> },
  ];
  return (
    <Panel title="Made of" note="operations, by their share of the change" isFlush>
      <Table label="Operations" columns={columns} rows={one.contributing} keyOf={(part) => part.operation} />
    </Panel>
  );
}
