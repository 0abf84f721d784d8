/** Keys: who may call opsloop. For admins alone. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Button } from "../../components/controls.tsx";
import { Loaded, Panel, Told } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import { getAll } from "../../lib/api.ts";
import type { Time } from "../../lib/clock.ts";
import { countText } from "../../lib/format.ts";
import { useQuery } from "../../lib/query.ts";
import { useParameter } from "../../lib/router.ts";
import { may, session } from "../../lib/session.ts";
import { agoText, timeText } from "../../lib/time.ts";
import { CreateDialog, RevokeDialog } from "./key_dialogs.tsx";
import { fitting, useNarrow } from "./narrow.ts";
import type { ApiKey } from "./types.ts";

/** The tab. */
export function KeysPart({ time }: { time: Time }): JSX.Element {
  if (!may("admin")) {
    return (
      <Panel title="Keys">
        <Told icon="user" title="Keys are for admins" height={200}>
          You are {session.get()?.role === "operator" ? "an operator" : "a viewer"} here. Sign in with a key that has the scope admin to see, make and revoke keys.
        </Told>
      </Panel>
    );
  }
  return <Keys time={time} />;
}

function Keys({ time }: { time: Time }): JSX.Element {
  const [order, setOrder] = useParameter("sort", "-created");
  const [shown, setShown] = useParameter("state", "valid");
  const isNarrow = useNarrow();
  const [isCreating, setIsCreating] = useState(false);
  const [leaving, setLeaving] = useState<ApiKey>();
  const query = useQuery("keys", (signal) => getAll<{ keys: ApiKey[]; next: string | null }, ApiKey>("/v1/keys", { limit: 1_000 }, (page) => page.keys, { signal }), time.tick);
  const rows = (query.data ?? []).filter((one) => shown === "all" || one.state === shown);
  return (
    <>
      <Panel
        title="Keys"
        note={query.data ? `${countText(rows.length)} of ${countText(query.data.length)}` : undefined}
        tools={
          <>
            <select class="input" aria-label="State" value={shown} onChange={(event) => setShown(event.currentTarget.value, { replace: true })}>
              <option value="valid">Valid</option>
              <option value="revoked">Revoked</option>
              <option value="expired">Expired</option>
              <option value="all">All</option>
            </select>
            <Button label="New key" look="primary" onClick={() => setIsCreating(true)} />
          </>
        }
        isFlush
        isBusy={query.isRefreshing}
      >
        <Loaded query={query} height={240} empty={() => (query.data && rows.length === 0 ? <Told title={`No key is ${shown}`} /> : null)}>
          {() => <Table label="Keys" columns={fitting(columnsOf(time, isNarrow, setLeaving), isNarrow, ["name", "state", "revoke"])} rows={rows} keyOf={(row) => row.key_id} order={order} onOrder={setOrder} />}
        </Loaded>
      </Panel>
      {isCreating && (
        <CreateDialog
          onClose={() => {
            setIsCreating(false);
            query.reload();
          }}
        />
      )}
      {leaving && (
        <RevokeDialog
          name={leaving.name}
          id={leaving.key_id}
          onClose={() => {
            setLeaving(undefined);
            query.reload();
          }}
        />
      )}
    </>
  );
}

function columnsOf(time: Time, isNarrow: boolean, onRevoke: (key: ApiKey) => void): Array<Column<ApiKey>> {
  const own = ownKeys();
  return [
    { id: "name", title: "Name", value: (row) => row.name, cell: (row) => <span class="platform-function"><span class="platform-strong">{row.name}</span><small><code>{row.key_id}</code>{isNarrow && `, ${row.scopes.join(", ")}`}</small></span> },
    { id: "scopes", title: "May", value: (row) => row.scopes.join(), cell: (row) => row.scopes.map((scope) => <span key={scope} class={`platform-scope is-${scope}`}>{scope}</span>) },
    { id: "state", title: "State", value: (row) => row.state, cell: (row) => <KeyState row={row} /> },
    { id: "created", title: "Made", value: (row) => row.created_at, cell: (row) => <time class="quiet platform-nowrap" dateTime={row.created_at}>{timeText(Date.parse(row.created_at), time.zone)}</time> },
    { id: "expires", title: "Ends", value: (row) => row.expires_at, cell: (row) => <span class="quiet platform-nowrap">{row.expires_at ? agoText(Date.parse(row.expires_at), time.now) : "never"}</span> },
    {
      id: "revoke",
      title: "",
      cell: (row) => row.state === "valid" && !own.includes(row.key_id) && <Button label="Revoke" aria-label={`Revoke ${row.name}`} onClick={() => onRevoke(row)} />,
      isNumber: true,
    },
  ];
}

/** The key of this session, and the one that opened it: whoever revoked these would sign themselves out. */
function ownKeys(): string[] {
  const who = session.get() as { key_id: string; parent_id?: string | null } | null | undefined;
  return who ? [who.key_id, who.parent_id ?? ""] : [];
}

function KeyState({ row }: { row: ApiKey }): JSX.Element {
  if (row.state === "valid") return <StateBadge condition="healthy" text="valid" />;
  return <StateBadge condition="unknown" text={row.state} />;
}
