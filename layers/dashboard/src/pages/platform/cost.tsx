/** Cost: what this month's use costs at list prices, where it goes, and what the estimate leaves out. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Button } from "../../components/controls.tsx";
import { Panel, Told } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { sorted, Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import type { Time } from "../../lib/clock.ts";
import { countText, dollarText, numberText } from "../../lib/format.ts";
import { useParameter } from "../../lib/router.ts";
import { timeText } from "../../lib/time.ts";
import { barsOf } from "./cost_bars.ts";
import { fitting, useNarrow } from "./narrow.ts";
import type { Cost, CostLine, Platform } from "./types.ts";
import { monthText, quantityText, smallDollarText } from "./words.ts";

/** So many rows are shown at first. */
const FEW = 12;

/** The tab. */
export function CostPart({ platform, time }: { platform: Platform; time: Time }): JSX.Element {
  const { cost } = platform;
  if (cost.lines.length === 0) return <Told tone="unknown" title="What this month costs is UNKNOWN" height={240}>CloudWatch was never asked what was used.</Told>;
  return (
    <>
      <Panel
        title={`${monthText(cost.month)}, estimated`}
        note={
          <span class="row">
            up to {timeText(Date.parse(cost.to), time.zone)}
            {cost.unknown_lines > 0 && <StateBadge condition="unknown" text={`${cost.unknown_lines} lines UNKNOWN`} />}
          </span>
        }
      >
        <Headline cost={cost} />
      </Panel>
      <Panel title="By capability" note="this month so far, and projected to its end">
        <Bars cost={cost} />
      </Panel>
      <Lines cost={cost} />
      <div class="grid-2">
        <Panel title="What is not in it"><ul class="platform-list">{cost.not_included.map((one) => <li key={one}>{one}</li>)}</ul></Panel>
        <Panel title="Prices" note={`${cost.prices.region}, ${cost.prices.as_of}`}>
          {cost.prices.note && <p class="stale">{cost.prices.note}</p>}
          <ul class="platform-list">{cost.prices.sources.map((one) => <li key={one}>{one}</li>)}</ul>
        </Panel>
      </div>
    </>
  );
}

function Headline({ cost }: { cost: Cost }): JSX.Element {
  return (
    <div class="platform-headline">
      <div><b class="platform-huge">{smallDollarText(cost.usd)}</b><span class="quiet">so far</span></div>
      <div>
        <b class="platform-huge">{cost.projected_usd === null ? "–" : dollarText(cost.projected_usd)}</b>
        <span class="quiet">projected for the month</span>
      </div>
      <p class="quiet small">
        From {numberText(cost.measured_hours)} h in which use is known; {countText(cost.hours_left)} h of the month are left.
        {!cost.is_charged && " This is the local cloud: nobody charges it. It is what AWS would charge for as many invocations as long as these, and a busy laptop makes them longer."}
        {cost.unknown_lines > 0 && " What is UNKNOWN is left out of the sums."}
      </p>
    </div>
  );
}

function Bars({ cost }: { cost: Cost }): JSX.Element {
  return (
    <ul class="platform-bars">
      {barsOf(cost.capabilities).map((bar) => (
        <li key={bar.capability}>
          <span class="platform-strong">{bar.capability}</span>
          <span class="platform-bar" aria-hidden="true">
            <span class="is-projected" style={{ width: `${bar.projectedShare * 100}%` }} />
            <span class="is-spent" style={{ width: `${bar.share * 100}%` }} />
          </span>
          <span class="number">{smallDollarText(bar.usd)}</span>
          <span class="number quiet">{bar.projected_usd === null ? "" : `→ ${smallDollarText(bar.projected_usd)}`}</span>
          <span>{bar.unknown_lines > 0 && <StateBadge condition="unknown" text={`${bar.unknown_lines} UNKNOWN`} />}</span>
        </li>
      ))}
    </ul>
  );
}

function Lines({ cost }: { cost: Cost }): JSX.Element {
  const [shown, setShown] = useParameter("lines", "resources");
  const lines = cost.lines.filter((line) => shown === "all" || line.usd === null);
  return (
    <Panel
      title={shown === "resources" ? "By resource" : "Line by line"}
      note={shown === "resources" ? countText(cost.resources.length) : `${countText(lines.length)} of ${countText(cost.lines.length)}`}
      tools={
        <select class="input" aria-label="What is shown" value={shown} onChange={(event) => setShown(event.currentTarget.value, { replace: true })}>
          <option value="resources">By resource</option>
          <option value="all">Line by line</option>
          <option value="unknown">What is UNKNOWN</option>
        </select>
      }
      isFlush
    >
      {shown === "resources" ? <Resources cost={cost} /> : <AllLines lines={lines} />}
    </Panel>
  );
}

function Resources({ cost }: { cost: Cost }): JSX.Element {
  const [order, setOrder] = useParameter("sort", "-projected");
  const isNarrow = useNarrow();
  const [isWhole, setIsWhole] = useState(false);
  const rows = sorted(cost.resources, RESOURCES, order).slice(0, isWhole ? undefined : FEW);
  return (
    <>
      <Table label="Resources" columns={fitting(RESOURCES, isNarrow, ["resource", "usd", "projected"])} rows={rows} keyOf={(row) => row.resource} order={order} onOrder={setOrder} />
      {cost.resources.length > FEW && (
        <p class="platform-more">
          <Button label={isWhole ? `Only the first ${FEW}` : `All ${countText(cost.resources.length)}`} look="plain" onClick={() => setIsWhole(!isWhole)} />
        </p>
      )}
    </>
  );
}

const RESOURCES: Array<Column<Cost["resources"][number]>> = [
  { id: "resource", title: "Resource", value: (row) => row.resource, cell: (row) => <span class="platform-strong">{row.resource.replace(/_(table|bucket)$/, " $1")}</span> },
  { id: "capability", title: "Capability", value: (row) => row.capability, cell: (row) => row.capability },
  { id: "unknown", title: "Left out", value: (row) => row.unknown_lines, cell: (row) => row.unknown_lines > 0 && <StateBadge condition="unknown" text={`${row.unknown_lines} UNKNOWN`} /> },
  { id: "usd", title: "So far", value: (row) => row.usd, cell: (row) => (row.usd === null ? <StateBadge condition="unknown" /> : smallDollarText(row.usd)), isNumber: true },
  { id: "projected", title: "Projected", value: (row) => row.projected_usd, cell: (row) => smallDollarText(row.projected_usd), isNumber: true },
];

function AllLines({ lines }: { lines: CostLine[] }): JSX.Element {
  const [order, setOrder] = useParameter("sort", "-usd");
  const isNarrow = useNarrow();
  if (lines.length === 0) return <Told icon="check" title="Everything is known" />;
  return <Table label="Lines" columns={fitting(isNarrow ? NARROW_LINES : COLUMNS, isNarrow, ["resource", "quantity", "usd"])} rows={lines} keyOf={(row) => `${row.resource} ${row.unit}`} order={order} onOrder={setOrder} />;
}

const COLUMNS: Array<Column<CostLine>> = [
  { id: "resource", title: "Resource", value: (row) => row.resource, cell: (row) => <span class="platform-function"><span class="platform-strong">{row.resource}</span><small>{row.capability}</small></span> },
  { id: "unit", title: "Of", value: (row) => row.unit, cell: (row) => <span class="platform-function"><span>{row.unit}</span>{row.reason && <small class="is-whole">{row.reason}</small>}</span> },
  { id: "quantity", title: "Used", value: (row) => row.quantity, cell: (row) => quantityText(row.quantity, row.unit), isNumber: true },
  { id: "usd", title: "So far", value: (row) => row.usd, cell: (row) => (row.usd === null ? <StateBadge condition="unknown" /> : smallDollarText(row.usd)), isNumber: true },
  { id: "projected", title: "Projected", value: (row) => row.projected_usd, cell: (row) => smallDollarText(row.projected_usd), isNumber: true },
];

const NARROW_LINES: Array<Column<CostLine>> = [
  {
    id: "resource",
    title: "Resource",
    value: (row) => row.resource,
    cell: (row) => <span class="platform-function"><span class="platform-strong">{row.resource}</span><small class="is-whole">{row.unit}{row.reason && `: ${row.reason}`}</small></span>,
  },
  ...COLUMNS.filter((column) => column.id === "quantity" || column.id === "usd"),
];
