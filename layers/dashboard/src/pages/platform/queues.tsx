/** Dead letters: the queues of what functions gave up, and those with work that waits. */

import type { JSX } from "preact";

import { Panel, Told } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import { countText, UNKNOWN_TEXT } from "../../lib/format.ts";
import { useParameter } from "../../lib/router.ts";
import { durationText } from "../../lib/time.ts";
import { fitting, useNarrow } from "./narrow.ts";
import { Runbook } from "./runbook.tsx";
import type { Platform, Queue } from "./types.ts";

/** The tab. */
export function QueuesPart({ platform }: { platform: Platform }): JSX.Element {
  const [order, setOrder] = useParameter("sort", "-messages");
  const isNarrow = useNarrow();
  const columns = fitting(columnsOf(platform, isNarrow), isNarrow, ["function", "messages"]);
  const dead = platform.queues.filter((one) => one.is_dead_letters);
  const work = platform.queues.filter((one) => !one.is_dead_letters);
  const waiting = dead.reduce((sum, one) => sum + (one.messages ?? 0), 0);
  const unknown = dead.filter((one) => one.messages === null).length;
  if (platform.queues.length === 0) {
    return <Told tone="unknown" title="No queue is known" height={180}>{platform.faults["alarms"] ?? "Queues are found by their alarms, of which none is known."}</Told>;
  }
  return (
    <>
      <Panel title="What functions gave up" note={<Verdict waiting={waiting} unknown={unknown} />} isFlush>
        <Table label="Queues of failures" columns={columns} rows={dead} keyOf={(row) => row.name} order={order} onOrder={setOrder} />
      </Panel>
      {work.length > 0 && (
        <Panel title="Work that waits" isFlush>
          <Table label="Queues of work" columns={columns} rows={work} keyOf={(row) => row.name} />
        </Panel>
      )}
      <Panel title="What to do with a dead letter">
        <p class="platform-prose">{platform.redrive}</p>
      </Panel>
    </>
  );
}

function Verdict({ waiting, unknown }: { waiting: number; unknown: number }): JSX.Element {
  return (
    <span class="row">
      {waiting > 0 && <StateBadge condition="anomalous" text={`${countText(waiting)} ${waiting === 1 ? "message" : "messages"}`} />}
      {unknown > 0 && <StateBadge condition="unknown" text={`${unknown} UNKNOWN`} />}
      {waiting === 0 && unknown === 0 && <StateBadge condition="healthy" text="all empty" />}
    </span>
  );
}

function columnsOf(platform: Platform, isNarrow: boolean): Array<Column<Queue>> {
  return [
    {
      id: "function",
      title: "Of",
      value: (row) => row.function ?? row.name,
      cell: (row) => <span class="platform-function"><span class="platform-strong">{row.function ?? "nobody"}</span>{!isNarrow && <small>{row.name}</small>}</span>,
    },
    { id: "messages", title: "Messages", value: (row) => row.messages ?? Number.MAX_SAFE_INTEGER, cell: (row) => <Messages queue={row} />, isNumber: true },
    { id: "flight", title: "Being worked on", value: (row) => row.in_flight, cell: (row) => countText(row.in_flight), isNumber: true },
    { id: "age", title: "Oldest", value: (row) => row.oldest_age_s, cell: (row) => ageText(row), isNumber: true },
    { id: "runbook", title: "What to do", cell: (row) => (row.runbook ? <Runbook platform={platform} name={row.runbook} /> : UNKNOWN_TEXT) },
  ];
}

/** How long the oldest message has waited: nothing where none waits, a dash where that is not known. */
function ageText(queue: Queue): string {
  if (queue.messages === 0) return "";
  const age = queue.oldest_age_s ?? null;
  return age === null ? UNKNOWN_TEXT : durationText(age * 1_000);
}

function Messages({ queue }: { queue: Queue }): JSX.Element {
  if (queue.messages === null) return <span title={queue.reason}><StateBadge condition="unknown" /></span>;
  if (queue.messages === 0) return <span class="platform-faint">0</span>;
  return queue.is_dead_letters ? <StateBadge condition="anomalous" text={countText(queue.messages)} /> : <>{countText(queue.messages)}</>;
}
