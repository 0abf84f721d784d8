/** Functions: every one with what it did in the last 24 hours, what starts it, and what it costs. */

import type { JSX } from "preact";

import { Panel, Told } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import { countText, millisText, percentText, UNKNOWN_TEXT } from "../../lib/format.ts";
import { useParameter } from "../../lib/router.ts";
import { agoText } from "../../lib/time.ts";
import { HourBars } from "./hour_bars.tsx";
import { fitting, useNarrow } from "./narrow.ts";
import type { Platform, PlatformFunction, Sum } from "./types.ts";
import { smallDollarText } from "./words.ts";

type Row = PlatformFunction & { cost: Sum | undefined };

/** The tab. */
export function FunctionsPart({ platform, now }: { platform: Platform; now: number }): JSX.Element {
  const [order, setOrder] = useParameter("sort", "capability");
  const isNarrow = useNarrow();
  const [word, setWord] = useParameter("capability");
  const costs = new Map(platform.cost.resources.map((one) => [one.resource, one]));
  const words = [...new Set(platform.functions.map((one) => one.capability))].sort();
  const rows = platform.functions.filter((one) => !word || one.capability === word).map((one) => ({ ...one, cost: costs.get(one.name) }));
  const failing = rows.filter((one) => (one.errors ?? 0) > 0 || (one.throttles ?? 0) > 0).length;
  return (
    <Panel
      title="Functions"
      note={`${rows.length}, last 24 hours${failing ? `, ${failing} with errors or throttles` : ""}`}
      tools={
        <select class="input" aria-label="Capability" value={word} onChange={(event) => setWord(event.currentTarget.value, { replace: true })}>
          <option value="">Every capability</option>
          {words.map((one) => <option key={one} value={one}>{one}</option>)}
        </select>
      }
      isFlush
    >
      {rows.length === 0 ? (
        <Told title="No function is of that capability" />
      ) : (
        <Table label="Functions" columns={fitting(columnsOf(now, isNarrow), isNarrow, ["name", "invocations", "errors", "p95"])} rows={rows} keyOf={(row) => row.name} order={order} onOrder={setOrder} />
      )}
    </Panel>
  );
}

function columnsOf(now: number, isNarrow: boolean): Array<Column<Row>> {
  return [
    { id: "name", title: "Function", value: (row) => row.name, cell: (row) => <Name row={row} isBrief={isNarrow} /> },
    { id: "capability", title: "Capability", value: (row) => row.capability, cell: (row) => row.capability },
    { id: "invocations", title: "Invocations", value: (row) => row.invocations, cell: (row) => <Invocations row={row} />, isNumber: true },
    { id: "trend", title: "By hour", cell: (row) => row.invocations !== null && <HourBars label={`Invocations of ${row.name} by hour`} values={row.series.invocations} marked={row.series.errors} /> },
    { id: "errors", title: "Errors", value: (row) => row.errors, cell: (row) => <Faults count={row.errors} ratio={row.error_ratio} />, isNumber: true },
    { id: "throttles", title: "Throttles", value: (row) => row.throttles, cell: (row) => <Faults count={row.throttles} />, isNumber: true },
    { id: "p95", title: "p95, last hour", value: (row) => row.p95_ms, cell: (row) => <Latency row={row} />, isNumber: true },
    { id: "ran", title: "Last run", value: (row) => row.last_run_at, cell: (row) => <span class="quiet platform-nowrap">{ranText(row, now)}</span>, isNumber: true },
    { id: "memory", title: "Memory", value: (row) => row.memory_mb, cell: (row) => (row.memory_mb === null ? UNKNOWN_TEXT : `${row.memory_mb} MB`), isNumber: true },
    { id: "cost", title: "This month", value: (row) => row.cost?.usd, cell: (row) => smallDollarText(row.cost?.usd ?? null), isNumber: true },
  ];
}

function Name({ row, isBrief }: { row: Row; isBrief: boolean }): JSX.Element {
  return (
    <span class="platform-function">
      <span class="platform-strong">{row.name}</span>
      {!isBrief && <small title={`${row.trigger} → ${row.effect}`}>{row.trigger}</small>}
    </span>
  );
}

function Invocations({ row }: { row: Row }): JSX.Element {
  if (row.invocations === null) return <span title={row.reason}><StateBadge condition="unknown" /></span>;
  return <>{countText(row.invocations)}</>;
}

function Faults({ count, ratio }: { count: number | null; ratio?: number | null }): JSX.Element {
  if (count === null) return <>{UNKNOWN_TEXT}</>;
  if (count === 0) return <span class="platform-faint">0</span>;
  const share = ratio === undefined || ratio === null ? "" : ` (${percentText(ratio)})`;
  return <StateBadge condition="anomalous" text={`${countText(count)}${share}`} />;
}

/** The latency of the last hour in which it ran, and whether it comes near the time at which it is ended. */
function Latency({ row }: { row: Row }): JSX.Element {
  const limit = (row.timeout_s ?? Number.POSITIVE_INFINITY) * 1_000;
  if (row.p95_ms !== null && row.p95_ms > limit * 0.8) {
    return <span title={`It is ended after ${row.timeout_s} s`}><StateBadge condition="degraded" text={millisText(row.p95_ms)} /></span>;
  }
  return <>{millisText(row.p95_ms)}</>;
}

function ranText(row: Row, now: number): string {
  if (row.last_run_at) return agoText(Date.parse(row.last_run_at), now);
  return row.invocations === null ? UNKNOWN_TEXT : "not yet seen";
}
