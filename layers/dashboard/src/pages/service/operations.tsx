/** What each operation contributes; choosing one makes the page about it alone. */

import type { JSX } from "preact";

import { Icon } from "../../components/icon.tsx";
import { Loaded, Panel, Told } from "../../components/panel.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import { countText, millisText, percentText } from "../../lib/format.ts";
import type { Query } from "../../lib/query.ts";
import { useParameter } from "../../lib/router.ts";
import { durationText } from "../../lib/time.ts";
import { KINDS, subjectLink } from "./subject.ts";
import type { Subject } from "./subject.ts";
import type { OperationsAnswer, OperationTotals } from "./types.ts";

/** The operations of the subject's kind, with links to the other kinds that there are. */
export function Operations({ subject, query }: { subject: Subject; query: Query<OperationsAnswer> }): JSX.Element {
  const [order, setOrder] = useParameter("sort", "-time");
  const all = query.data?.operations ?? [];
  const kinds = KINDS.filter(({ kind }) => kind === subject.kind || all.some((one) => one.kind === kind));
  const rows = all.filter((one) => one.kind === subject.kind);
  const tabs = (
    <nav class="service-kinds" aria-label="Kinds of operations">
      {kinds.map(({ kind, label }) => (
        <a key={kind} class="service-kind" href={subjectLink(subject.service, { kind })} aria-current={kind === subject.kind ? "true" : undefined}>
          {label} <span class="quiet">{all.filter((one) => one.kind === kind).length}</span>
        </a>
      ))}
    </nav>
  );
  return (
    <Panel title="Operations" note="by what they contribute" isFlush isBusy={query.isRefreshing}>
      {kinds.length > 1 && tabs}
      <Loaded query={query} height={180} empty={() => (rows.length === 0 ? <Told tone="unknown" title="UNKNOWN">No {subject.noun} were heard in this time.</Told> : null)}>
        {() => <Table label="Table of operations" columns={columnsOf(subject)} rows={rows} keyOf={(row) => row.operation} order={order} onOrder={setOrder} />}
      </Loaded>
    </Panel>
  );
}

function columnsOf(subject: Subject): Array<Column<OperationTotals>> {
  return [
    {
      id: "operation",
      title: "Operation",
      value: (row) => row.operation,
      cell: (row) => {
        const isOn = row.operation === subject.operation;
        return (
          <a class="service-operation" href={subjectLink(subject.service, { operation: isOn ? "" : row.operation })} aria-current={isOn ? "true" : undefined}>
            <Icon name={isOn ? "close" : "filter"} size={13} />
            <span>{row.operation || "(no name)"}</span>
            {isOn && <span class="only-read">: show all again</span>}
          </a>
        );
      },
    },
    { id: "time", title: "Share of time", value: (row) => row.time_ms, cell: (row) => <Share ratio={row.share_of_time} title={`${durationText(row.time_ms)} in all`} />, isNumber: true },
    { id: "requests", title: `Share of ${subject.noun}`, value: (row) => row.requests, cell: (row) => <Share ratio={row.share_of_requests} title={`${countText(row.requests)} in all`} />, isNumber: true },
    { id: "count", title: subject.noun[0]?.toUpperCase() + subject.noun.slice(1), value: (row) => row.requests, cell: (row) => countText(row.requests), isNumber: true },
    { id: "share-errors", title: "Share of errors", value: (row) => row.errors, cell: (row) => <Share ratio={row.share_of_errors} title={`${countText(row.errors)} errors`} tone="errors" />, isNumber: true },
    { id: "errors", title: "Error ratio", value: (row) => row.error_ratio, cell: (row) => percentText(row.error_ratio), isNumber: true },
    { id: "p50", title: "p50", value: (row) => row.p50_ms, cell: (row) => millisText(row.p50_ms), isNumber: true },
    { id: "p95", title: "p95", value: (row) => row.p95_ms, cell: (row) => millisText(row.p95_ms), isNumber: true },
    { id: "p99", title: "p99", value: (row) => row.p99_ms, cell: (row) => millisText(row.p99_ms), isNumber: true },
  ];
}

function Share({ ratio, title, tone = "time" }: { ratio: number | null; title: string; tone?: "time" | "errors" }): JSX.Element {
  return (
    <span class={`service-share is-${tone}`} title={title}>
      <span class="service-bar" aria-hidden="true"><span style={{ width: `${100 * (ratio ?? 0)}%` }} /></span>
      <span class="service-percent">{ratio === null ? "none" : percentText(ratio)}</span>
    </span>
  );
}
