/** Quarantine: what could not be read in the page's time, why, and what of it can be counted after all. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Button } from "../../components/controls.tsx";
import { Loaded, Panel, Told } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import { get } from "../../lib/api.ts";
import type { Time } from "../../lib/clock.ts";
import { bytesText, countText } from "../../lib/format.ts";
import { useQuery } from "../../lib/query.ts";
import type { Query } from "../../lib/query.ts";
import { useParameter } from "../../lib/router.ts";
import { may } from "../../lib/session.ts";
import { timeText } from "../../lib/time.ts";
import { fitting, useNarrow } from "./narrow.ts";
import { ObjectPanel } from "./quarantine_item.tsx";
import { ReplayDialog } from "./replay.tsx";
import type { Quarantined, QuarantinePage } from "./types.ts";

const SHOWN = 200;

/** The tab. */
export function QuarantinePart({ time }: { time: Time }): JSX.Element {
  const [state] = useParameter("state", "open");
  const [kind] = useParameter("kind");
  const [reason] = useParameter("reason");
  const [key, setKey] = useParameter("object");
  const [replaying, setReplaying] = useState<string[]>([]);
  const asked = { state, kind, reason, from: time.from, to: time.to, limit: SHOWN };
  const query = useQuery(`quarantine ${state} ${kind} ${reason}|${time.key}`, (signal) => get<QuarantinePage>("/v1/quarantine", asked, signal), time.tick);
  const open = (query.data?.objects ?? []).filter((one) => one.state === "open").map((one) => one.key);
  return (
    <div class="stack">
      <Panel
        title="Set aside because it could not be read"
        note={query.data?.counts ? countNote(query.data) : undefined}
        tools={may("operator") && open.length > 0 && <Button label={`Replay ${countText(open.length)}`} icon="play" onClick={() => setReplaying(open)} />}
        isFlush
        isBusy={query.isRefreshing}
      >
        <Filters query={query} />
        <Loaded query={query} height={240} empty={(page) => (page.objects.length === 0 ? <Nothing isFiltered={Boolean(kind || reason) || state !== "open"} /> : null)}>
          {(page) => <Objects page={page} zone={time.zone} current={key} onChoose={setKey} />}
        </Loaded>
      </Panel>
      {key && (
        <ObjectPanel
          name={key}
          listed={query.data?.objects.find((one) => one.key === key)}
          zone={time.zone}
          onClose={() => setKey("")}
          onReplay={() => setReplaying([key])}
        />
      )}
      {replaying.length > 0 && (
        <ReplayDialog
          keys={replaying}
          onClose={(isChanged) => {
            setReplaying([]);
            if (isChanged) query.reload();
          }}
        />
      )}
    </div>
  );
}

function countNote({ objects, counts, next }: QuarantinePage): string {
  const all = `${countText(counts?.objects)}${counts?.is_complete === false ? " or more" : ""}`;
  return next ? `${countText(objects.length)} of ${all}` : all;
}

function Filters({ query }: { query: Query<QuarantinePage> }): JSX.Element {
  const [state, setState] = useParameter("state", "open");
  const [kind, setKind] = useParameter("kind");
  const [reason, setReason] = useParameter("reason");
  const [text, setText] = useState(reason);
  const kinds = [...new Set([...Object.keys(query.data?.counts?.by_kind ?? {}), ...(kind ? [kind] : [])])].sort();
  const submit = (event: Event): void => {
    event.preventDefault();
    setReason(text.trim());
  };
  return (
    <form class="platform-filters" role="search" onSubmit={submit}>
      <select class="input" aria-label="State" value={state} onChange={(event) => setState(event.currentTarget.value)}>
        <option value="open">Not counted</option>
        <option value="replayed">Counted by a replay</option>
        <option value="all">All</option>
      </select>
      <select class="input" aria-label="Kind of fault" value={kind} onChange={(event) => setKind(event.currentTarget.value)}>
        <option value="">Every kind</option>
        {kinds.map((one) => <option key={one} value={one}>{one} ({countText(query.data?.counts?.by_kind[one] ?? 0)})</option>)}
      </select>
      <input class="input" type="search" placeholder="A part of the reason" aria-label="A part of the reason" value={text} onInput={(event) => setText(event.currentTarget.value)} />
      <Button label="Find" type="submit" />
    </form>
  );
}

function Nothing({ isFiltered }: { isFiltered: boolean }): JSX.Element {
  if (isFiltered) return <Told icon="search" title="Nothing like this was set aside" height={180}>In this time, with these filters.</Told>;
  return <Told icon="check" title="Everything could be read" height={180}>In this time nothing was set aside that has not counted since.</Told>;
}

function Objects(props: { page: QuarantinePage; zone: string; current: string; onChoose: (key: string) => void }): JSX.Element {
  const [order, setOrder] = useParameter("sort");
  const isNarrow = useNarrow();
  const columns: Array<Column<Quarantined>> = [
    {
      id: "arrived",
      title: "Arrived",
      value: (row) => row.arrived_at,
      cell: (row) => <time class="quiet platform-nowrap" dateTime={row.arrived_at}>{timeText(Date.parse(row.arrived_at), props.zone)}</time>,
    },
    {
      id: "reason",
      title: "Reason",
      value: (row) => row.reason,
      cell: (row) => (
        <span class="platform-function is-wide">
          <button type="button" class="platform-choose" aria-pressed={row.key === props.current} onClick={() => props.onChoose(row.key === props.current ? "" : row.key)}>
            {row.reason}
          </button>
          {isNarrow && <small class="is-whole">{timeText(Date.parse(row.arrived_at), props.zone)}, {row.kind}, {bytesText(row.size_bytes)}</small>}
        </span>
      ),
    },
    { id: "kind", title: "Kind", value: (row) => row.kind, cell: (row) => <span class="platform-nowrap">{row.kind}</span> },
    { id: "source", title: "Set aside by", value: (row) => row.source, cell: (row) => <span class="platform-nowrap">{row.source}</span> },
    { id: "size", title: "Size", value: (row) => row.size_bytes, cell: (row) => bytesText(row.size_bytes), isNumber: true },
    { id: "state", title: "State", value: (row) => row.state, cell: (row) => <ObjectState row={row} /> },
  ];
  return <Table label="What was set aside" columns={fitting(columns, isNarrow, ["reason", "state"])} rows={props.page.objects} keyOf={(row) => row.key} order={order} onOrder={setOrder} />;
}

/** Whether an object has counted. */
export function ObjectState({ row }: { row: Pick<Quarantined, "state" | "replayed_items"> }): JSX.Element {
  if (row.state === "replayed") return <StateBadge condition="healthy" text={`${countText(row.replayed_items)} counted`} />;
  return <StateBadge condition="degraded" text="not counted" />;
}
