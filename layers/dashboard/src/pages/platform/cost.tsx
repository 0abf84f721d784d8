/** Cost: what this month's use costs at list prices, where it goes, and what the estimate leaves out. */

import type { JSX } from "preact";

import { Panel, Told } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import type { Time } from "../../lib/clock.ts";
import { countText, dollarText, numberText } from "../../lib/format.ts";
import { useParameter } from "../../lib/router.ts";
import { timeText } from "../../lib/time.ts";
import { barsOf } from "./cost_bars.ts";
import type { Cost, CostLine, Platform } from "./types.ts";
import { monthText, quantityText, smallDollarText } from "./words.ts";

/** The tab. */
export function CostPart({ platform, time }: { platform: Platform; time: Time }): JSX.Element {
  const { cost } = platform;
  if (cost.lines.length === 0) return <Told tone="unknown" title="What this month costs is UNKNOWN" height={240}>CloudWatch was never asked what was used.</Told>;
  return (
    <>
      <Panel title={`${monthText(cost.month)}, estimated`} note={`up to ${timeText(Date.parse(cost.to), time.zone)}`}>
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
        {!cost.is_charged && " This is the local cloud: nobody charges it. It is what AWS would charge for the same use."}
        {cost.unknown_lines > 0 && <> <StateBadge condition="unknown" text={`${cost.unknown_lines} UNKNOWN`} /> lines are left out of the sums.</>}
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
  const [order, setOrder] = useParameter("sort", "-usd");
  const [shown, setShown] = useParameter("lines", "paid");
  const rows = cost.lines.filter((line) => shown === "all" || (shown === "unknown" ? line.usd === null : (line.usd ?? 0) > 0));
  return (
    <Panel
      title="Line by line"
      note={`${countText(rows.length)} of ${countText(cost.lines.length)}`}
      tools={
        <select class="input" aria-label="Lines" value={shown} onChange={(event) => setShown(event.currentTarget.value, { replace: true })}>
          <option value="paid">What costs something</option>
          <option value="unknown">What is UNKNOWN</option>
          <option value="all">All</option>
        </select>
      }
      isFlush
    >
      {rows.length === 0 ? (
        <Told title="There is no such line" />
      ) : (
        <Table label="Lines" columns={COLUMNS} rows={rows} keyOf={(row) => `${row.resource} ${row.unit}`} order={order} onOrder={setOrder} />
      )}
    </Panel>
  );
}

const COLUMNS: Array<Column<CostLine>> = [
  { id: "resource", title: "Resource", value: (row) => row.resource, cell: (row) => <span class="platform-function"><span class="platform-strong">{row.resource}</span><small>{row.capability}</small></span> },
  { id: "unit", title: "Of", value: (row) => row.unit, cell: (row) => <span class="platform-function"><span>{row.unit}</span>{row.reason && <small class="is-whole">{row.reason}</small>}</span> },
  { id: "quantity", title: "Used", value: (row) => row.quantity, cell: (row) => quantityText(row.quantity, row.unit), isNumber: true },
  { id: "usd", title: "So far", value: (row) => row.usd, cell: (row) => (row.usd === null ? <StateBadge condition="unknown" /> : smallDollarText(row.usd)), isNumber: true },
  { id: "projected", title: "Projected", value: (row) => row.projected_usd, cell: (row) => smallDollarText(row.projected_usd), isNumber: true },
];
