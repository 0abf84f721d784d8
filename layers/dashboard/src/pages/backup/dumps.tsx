/** The dumps of the page's time: how large, whether they restore, how long that took. */

import type { JSX } from "preact";

import { Told } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import { conditionOf, lengthText, wordOf } from "../../lib/backup.ts";
import type { Dump } from "../../lib/backup.ts";
import type { Time } from "../../lib/clock.ts";
import { bytesText, countText } from "../../lib/format.ts";
import { linkTo, useParameter } from "../../lib/router.ts";
import { agoText, timeText } from "../../lib/time.ts";
import { ProveAgain } from "./again.tsx";
import type { Proofs } from "./again.tsx";

/** The table. */
export function Dumps({ database, dumps, time, proofs }: { database: string; dumps: Dump[]; time: Time; proofs: Proofs }): JSX.Element {
  const [order, setOrder] = useParameter("sort", "-taken");
  if (dumps.length === 0) return <Told icon="backup" title="No dump was taken in this time">Choose a longer time to see older ones.</Told>;
  return <Table label="Dumps" columns={columnsOf(database, time, proofs)} rows={dumps} keyOf={(one) => one.dump_id} order={order} onOrder={setOrder} />;
}

function columnsOf(database: string, time: Time, proofs: Proofs): Array<Column<Dump>> {
  const again: Column<Dump> = { id: "again", title: "Proof", cell: (one) => <ProveAgain proofs={proofs} dump={one.dump_id} time={time} /> };
  return [
    {
      id: "taken",
      title: "Taken",
      value: (one) => one.taken_at,
      cell: (one) => (
        <span class="backup-taken" title={one.key}>
          {timeText(Date.parse(one.taken_at), time.zone)}
          <small>{agoText(Date.parse(one.taken_at), time.now)}{one.origin === "elsewhere" ? ", made elsewhere" : ""}</small>
        </span>
      ),
    },
    {
      id: "verdict",
      title: "Verdict",
      value: (one) => one.verdict,
      cell: (one) => {
        const badge = <StateBadge condition={conditionOf(one.verdict)} text={wordOf(one)} />;
        return one.verification_id ? <a href={linkTo(`/backups/${encodeURIComponent(database)}`, { proof: one.verification_id })}>{badge}</a> : badge;
      },
    },
    { id: "reason", title: "Reason", value: (one) => one.reason, cell: (one) => one.reason?.replaceAll("_", " ") ?? "" },
    { id: "bytes", title: "Dump", value: (one) => one.bytes, cell: (one) => bytesText(one.bytes), isNumber: true },
    { id: "rows", title: "Rows", value: (one) => one.rows, cell: (one) => countText(one.rows), isNumber: true },
    { id: "restore", title: "Restored in", value: (one) => one.restore_s, cell: (one) => lengthText(one.restore_s), isNumber: true },
    { id: "format", title: "Format", value: (one) => one.format, cell: (one) => one.format },
    { id: "kept", title: "Kept", cell: (one) => <span class="quiet">{keptText(one, time)}</span> },
    ...(proofs.ask ? [again] : []),
  ];
}

function keptText(one: Dump, time: Time): string {
  if (one.deleted_at) return `deleted ${agoText(Date.parse(one.deleted_at), time.now)}`;
  if (one.legal_hold) return "legal hold";
  if (one.locked_until && Date.parse(one.locked_until) > time.now) return `locked until ${timeText(Date.parse(one.locked_until), time.zone, "day")}`;
  return "";
}
