/** Deliveries: what became of every message on every channel; what may not have arrived can be sent again. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Button } from "../../components/controls.tsx";
import { Icon } from "../../components/icon.tsx";
import { Loaded, Panel, Told } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import { ApiError, get, send } from "../../lib/api.ts";
import type { Time } from "../../lib/clock.ts";
import { countText } from "../../lib/format.ts";
import { useQuery } from "../../lib/query.ts";
import { linkTo, useParameter } from "../../lib/router.ts";
import { may } from "../../lib/session.ts";
import { agoText, timeText } from "../../lib/time.ts";
import { fitting, useNarrow } from "./narrow.ts";
import type { Delivery } from "./types.ts";
import { conditionOfDelivery, mayResend } from "./words.ts";

const STATES = ["sent", "sending", "waiting", "undeliverable", "unclear", "superseded"];
const SHOWN = 200;

interface DeliveriesAnswer {
  deliveries: Delivery[];
  next: string | null;
}

/** The tab. */
export function DeliveriesPart({ time }: { time: Time }): JSX.Element {
  const [state, setState] = useParameter("state", "all");
  const [said, setSaid] = useState("");
  const asked = { state, from: time.from, to: time.to, limit: SHOWN };
  const query = useQuery(`deliveries ${state}|${time.key}`, (signal) => get<DeliveriesAnswer>("/v1/alerts/deliveries", asked, signal), time.tick);
  const act = (path: string, body: unknown, done: string): void => {
    setSaid("");
    send("POST", path, body).then(
      () => {
        setSaid(done);
        query.reload();
      },
      (reason: unknown) => setSaid(reason instanceof ApiError ? reason.message : String(reason)),
    );
  };
  return (
    <Panel
      title="Messages"
      note={query.data ? `${countText(query.data.deliveries.length)}${query.data.next ? ", the newest" : ""}` : undefined}
      tools={
        <>
          <select class="input" aria-label="State" value={state} onChange={(event) => setState(event.currentTarget.value)}>
            <option value="all">Every state</option>
            {STATES.map((one) => <option key={one} value={one}>{one}</option>)}
          </select>
          {may("operator") && <Button label="Send a test" onClick={() => act("/v1/alerts/test", {}, "A test is on its way to every channel.")} />}
        </>
      }
      isFlush
      isBusy={query.isRefreshing}
    >
      {said && <p class="platform-said" role="status"><Icon name="check" /> {said}</p>}
      <Loaded query={query} height={240} empty={(page) => (page.deliveries.length === 0 ? <Nothing /> : null)}>
        {(page) => (
          <Deliveries
            rows={page.deliveries}
            time={time}
            onResend={(row) => act(`/v1/alerts/deliveries/${encodeURIComponent(row.id)}/resend`, undefined, `“${row.subject}” is sent again on ${row.channel}.`)}
          />
        )}
      </Loaded>
    </Panel>
  );
}

function Nothing(): JSX.Element {
  return <Told icon="check" title="Nobody was told of anything" height={180}>In this time, in this state. An anomaly's messages stand under the day it began.</Told>;
}

function Deliveries({ rows, time, onResend }: { rows: Delivery[]; time: Time; onResend: (row: Delivery) => void }): JSX.Element {
  const [order, setOrder] = useParameter("sort", "-created");
  const isNarrow = useNarrow();
  const columns: Array<Column<Delivery>> = [
    { id: "created", title: "Written", value: (row) => row.created_at, cell: (row) => <time class="quiet platform-nowrap" dateTime={row.created_at}>{timeText(Date.parse(row.created_at), time.zone)}</time> },
    { id: "subject", title: "Message", value: (row) => row.subject, cell: (row) => <Subject row={row} note={isNarrow ? `${row.channel}, ${timeText(Date.parse(row.created_at), time.zone)}` : ""} /> },
    { id: "channel", title: "Channel", value: (row) => row.channel, cell: (row) => <span class="platform-nowrap">{row.channel}</span> },
    { id: "state", title: "State", value: (row) => row.state, cell: (row) => <StateBadge condition={conditionOfDelivery(row.state)} text={row.state} /> },
    { id: "attempts", title: "Attempts", value: (row) => row.attempts, cell: (row) => countText(row.attempts), isNumber: true },
    { id: "changed", title: "Changed", value: (row) => row.changed_at, cell: (row) => <span class="quiet platform-nowrap">{agoText(Date.parse(row.changed_at), time.now)}</span>, isNumber: true },
  ];
  if (may("operator") && rows.some((row) => mayResend(row.state))) {
    columns.push({ id: "again", title: "", cell: (row) => mayResend(row.state) && <Button label="Send again" onClick={() => onResend(row)} /> });
  }
  return <Table label="Messages" columns={fitting(columns, isNarrow, ["subject", "state", "again"])} rows={rows} keyOf={(row) => row.id} order={order} onOrder={setOrder} />;
}

function Subject({ row, note }: { row: Delivery; note: string }): JSX.Element {
  const isAnomaly = row.told === "detected" || row.told === "ended";
  return (
    <span class="platform-function is-wide">
      {isAnomaly ? <a href={linkTo(`/anomalies/${encodeURIComponent(row.topic)}`)}>{row.subject}</a> : <span>{row.subject}</span>}
      {note && <small class="is-whole">{note}</small>}
      {row.reason && row.state !== "sent" && <small class="is-whole">{row.reason}{row.may_have_arrived ? " It may have arrived." : ""}</small>}
    </span>
  );
}
