/** Times of which nothing is learnt: listed for everybody, made and taken back by operators. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Button } from "../../components/controls.tsx";
import { Loaded, Panel } from "../../components/panel.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import { ApiError, getAll, send } from "../../lib/api.ts";
import { useTime } from "../../lib/clock.ts";
import { useQuery } from "../../lib/query.ts";
import { may, session } from "../../lib/session.ts";
import { useStore } from "../../lib/store.ts";
import { durationText, timeText } from "../../lib/time.ts";
import { ExcludeForm } from "./exclude_form.tsx";

export interface Exclusion {
  exclusion_id: string;
  service: string;
  from: string;
  to: string;
  reason: string;
}

/** The panel; `services` are offered in its form. */
export function ExclusionsPanel({ services }: { services: string[] }): JSX.Element {
  const time = useTime();
  const isOperator = may("operator", useStore(session));
  const [isAsking, setIsAsking] = useState(false);
  const [gone, setGone] = useState<ReadonlySet<string>>(new Set());
  const [failure, setFailure] = useState("");
  const listed = useQuery(
    "exclusions",
    (signal) => getAll<{ exclusions: Exclusion[]; next: string | null }, Exclusion>("/v1/anomalies/exclusions", { limit: 1_000 }, (page) => page.exclusions, { signal }),
    time.tick,
  );
  const takeBack = async (one: Exclusion): Promise<void> => {
    setFailure("");
    setGone(new Set([...gone, one.exclusion_id]));
    try {
      await send("DELETE", `/v1/anomalies/exclusions/${encodeURIComponent(one.exclusion_id)}`);
      listed.reload();
    } catch (error) {
      setGone(new Set([...gone].filter((id) => id !== one.exclusion_id)));
      setFailure(error instanceof ApiError ? error.message : String(error));
    }
  };
  const tools = isOperator && <Button label="Exclude a time" onClick={() => setIsAsking(true)} />;
  return (
    <Panel title="Left out of what is usual" tools={tools} isFlush isBusy={listed.isRefreshing}>
      {failure && <p class="stale" role="alert">It could not be taken back: {failure}</p>}
      <Loaded query={listed} height={90} empty={(all) => (all.length === 0 ? <Nothing /> : null)}>
        {(all) => (
          <Table
            label="Times left out"
            columns={columnsOf(time.zone, isOperator ? takeBack : undefined)}
            rows={all.filter((one) => !gone.has(one.exclusion_id))}
            keyOf={(one) => one.exclusion_id}
          />
        )}
      </Loaded>
      {isAsking && (
        <ExcludeForm
          services={services}
          onDone={(isStored) => {
            setIsAsking(false);
            if (isStored) listed.reload();
          }}
        />
      )}
    </Panel>
  );
}

function Nothing(): JSX.Element {
  return <p class="anomaly-nothing">Nothing. Load tests, incidents and announced changes can be left out: they are judged, and nothing is learnt from them.</p>;
}

function columnsOf(zone: string, takeBack: ((one: Exclusion) => Promise<void>) | undefined): Array<Column<Exclusion>> {
  const columns: Array<Column<Exclusion>> = [
    { id: "service", title: "Service", value: (one) => one.service, cell: (one) => (one.service === "*" ? "All services" : one.service) },
    { id: "from", title: "From", value: (one) => one.from, cell: (one) => <span class="exclusion-time">{timeText(Date.parse(one.from), zone)}</span> },
    { id: "to", title: "To", value: (one) => one.to, cell: (one) => <span class="exclusion-time">{timeText(Date.parse(one.to), zone)}</span> },
    { id: "length", title: "Length", isNumber: true, value: (one) => lengthOf(one), cell: (one) => durationText(lengthOf(one)) },
    { id: "reason", title: "Reason", value: (one) => one.reason, cell: (one) => one.reason },
  ];
  if (!takeBack) return columns;
  const button = (one: Exclusion): JSX.Element => (
    <Button label="Take back" look="plain" aria-label={`Take back: ${one.reason}`} onClick={() => void takeBack(one)} />
  );
  return [...columns, { id: "act", title: "Action", cell: button }];
}

function lengthOf(one: Exclusion): number {
  return Date.parse(one.to) - Date.parse(one.from);
}
