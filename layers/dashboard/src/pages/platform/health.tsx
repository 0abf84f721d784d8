/** Health: the readiness checks with what they saw, the alarms that ring, the stream and the API hour by hour. */

import type { JSX } from "preact";

import { Chart } from "../../charts/chart.tsx";
import { gridOf } from "../../charts/grid.ts";
import { Panel, Told } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { Table } from "../../components/table.tsx";
import type { Column as TableColumn } from "../../components/table.tsx";
import type { Time } from "../../lib/clock.ts";
import { useParameter } from "../../lib/router.ts";
import { agoText } from "../../lib/time.ts";
import type { Column } from "../../lib/types.ts";
import { fitting, useNarrow } from "./narrow.ts";
import { Runbook } from "./runbook.tsx";
import type { Check, Platform } from "./types.ts";
import { checkName, checkValue, conditionOfCheck } from "./words.ts";

const RANKS: Record<string, number> = { fail: 0, warn: 1, pass: 3 };

/** The tab. */
export function HealthPart({ platform, time }: { platform: Platform; time: Time }): JSX.Element {
  const { health } = platform;
  const isRinging = platform.alarms.ringing.length > 0;
  const [order, setOrder] = useParameter("sort", "status");
  const isNarrow = useNarrow();
  const note = health.probed_at ? `probed ${agoText(Date.parse(health.probed_at), time.now)}` : "never probed";
  return (
    <>
      {isRinging && <Alarms platform={platform} now={time.now} />}
      <Panel title="Checks" note={<span class="row"><StateBadge condition={conditionOfCheck(health.status)} text={health.status} /> {note}</span>} isFlush>
        <Table label="Checks" columns={fitting(columnsOf(time.now, isNarrow), isNarrow, ["status", "component", "value"])} rows={health.checks} keyOf={(row) => row.component} order={order} onOrder={setOrder} />
      </Panel>
      {!isRinging && <Alarms platform={platform} now={time.now} />}
      <div class="grid-2">
        <Hourly platform={platform} title="Stream" source="AWS/Kinesis" unit="By" entries={[["Bytes per hour", platform.stream.incoming_bytes, "--series-1"]]} />
        <Hourly
          platform={platform}
          title="API"
          source="AWS/ApiGateway"
          unit="1"
          entries={[
            ["Requests per hour", platform.api.requests, "--series-1"],
            ["Refused (4xx)", platform.api.client_errors, "--series-2"],
            ["Failed (5xx)", platform.api.server_errors, "--series-5"],
          ]}
        />
      </div>
    </>
  );
}

function columnsOf(now: number, isNarrow: boolean): Array<TableColumn<Check>> {
  return [
    { id: "status", title: "State", value: (row) => RANKS[row.status] ?? 2, cell: (row) => <StateBadge condition={conditionOfCheck(row.status)} text={row.status} /> },
    { id: "component", title: "Check", value: (row) => row.component, cell: (row) => <CheckName row={row} isWhole={isNarrow} /> },
    { id: "value", title: "Seen", cell: (row) => <span class="number platform-nowrap">{checkValue(row)}</span> },
    { id: "time", title: "Looked at", value: (row) => row.time, cell: (row) => <span class="quiet platform-nowrap">{agoText(Date.parse(row.time), now)}</span> },
    { id: "output", title: "What is wrong", cell: (row) => row.output },
  ];
}

function CheckName({ row, isWhole }: { row: Check; isWhole: boolean }): JSX.Element {
  return (
    <span class="platform-function">
      <span class="platform-strong">{checkName(row.component)}</span>
      {isWhole && row.output && <small class="is-whole">{row.output}</small>}
    </span>
  );
}

function Alarms({ platform, now }: { platform: Platform; now: number }): JSX.Element {
  const { counts, reason, ringing } = platform.alarms;
  const note = counts && (
    <span class="row">
      {counts.alarm > 0 && <StateBadge condition="anomalous" text={`${counts.alarm} ringing`} />}
      {counts.ok > 0 && <StateBadge condition="healthy" text={`${counts.ok} quiet`} />}
      {counts.unknown > 0 && <StateBadge condition="unknown" text={`${counts.unknown} UNKNOWN`} />}
    </span>
  );
  return (
    <Panel title="Alarms" note={note ?? undefined} isFlush={ringing.length > 0}>
      {ringing.length > 0 ? (
        <ul class="platform-alarms">
          {ringing.map((one) => (
            <li key={one.name}>
              <StateBadge condition="anomalous" text="Ringing" />
              <div>
                <p class="platform-strong">{one.what || one.name}</p>
                <p class="quiet small">{one.reason}</p>
              </div>
              <span class="quiet small platform-end">
                {one.since && `since ${agoText(Date.parse(one.since), now)}`} {one.runbook && <Runbook platform={platform} name={one.runbook} />}
              </span>
            </li>
          ))}
        </ul>
      ) : (
        <Quiet isJudged={Boolean(counts && counts.ok > 0)} reason={reason} />
      )}
    </Panel>
  );
}

function Quiet({ isJudged, reason }: { isJudged: boolean; reason: string }): JSX.Element {
  if (isJudged) return <p class="quiet">No alarm rings.</p>;
  return <Told tone="unknown" title="Whether an alarm would ring is UNKNOWN" height={72}>{reason}</Told>;
}

type Entry = [label: string, values: Column, colour: string];

/** A chart of the last 24 hours, or why there is none. */
function Hourly(props: { platform: Platform; title: string; source: string; unit: string; entries: Entry[] }): JSX.Element {
  const { platform, title } = props;
  const isKnown = props.entries.some(([, values]) => values.some((value) => value !== null));
  const shards = title === "Stream" && platform.stream.shards !== null ? `${platform.stream.shards} shards` : "last 24 hours";
  return (
    <Panel title={title} note={shards}>
      {platform.grid && isKnown ? (
        <Chart title={title} grid={gridOf(platform.grid)} series={props.entries.map(([label, values, colour]) => ({ label, values, colour }))} unit={props.unit} />
      ) : (
        <Told tone="unknown" title="UNKNOWN" height={150}>CloudWatch has no {props.source} metrics here.</Told>
      )}
    </Panel>
  );
}
