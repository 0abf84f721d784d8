/** Backups: every database beside its objectives, what could be had back now, and what went wrong last. */

import type { JSX } from "preact";

import { Objective } from "../../components/objective.tsx";
import "../../components/open_list.css";
import { Loaded, Panel, Told } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import { getAll } from "../../lib/api.ts";
import { conditionOf } from "../../lib/backup.ts";
import type { Database } from "../../lib/backup.ts";
import { useTime } from "../../lib/clock.ts";
import type { Time } from "../../lib/clock.ts";
import { bytesText, countText } from "../../lib/format.ts";
import { useQuery } from "../../lib/query.ts";
import { linkTo, useParameter } from "../../lib/router.ts";
import { agoText } from "../../lib/time.ts";
import type { Page } from "../../shell/page.ts";
import "./backups.css";
import { Drills } from "./drills.tsx";
import { ExercisesPanel } from "./exercises.tsx";

const RANKS = { missed: 0, unknown: 1, met: 2 };

function View(): JSX.Element {
  const time = useTime();
  const [order, setOrder] = useParameter("sort", "standing");
  const databases = useQuery("backups", (signal) => getAll<{ backups: Database[]; next: string | null }, Database>("/v1/backups", { limit: 1_000 }, (page) => page.backups, { signal }), time.tick);
  return (
    <div class="page">
      <header class="page-head">
        <h1>Backups</h1>
        <div class="verdict">{databases.data && <Summary databases={databases.data} />}</div>
      </header>
      <Panel title="Databases" note={databases.data ? countText(databases.data.length) : undefined} isFlush isBusy={databases.isRefreshing}>
        <Loaded query={databases} height={220} empty={(all) => (all.length === 0 ? <NoDatabases /> : null)}>
          {(all) => <Table label="Databases" columns={columnsOf(time)} rows={all} keyOf={(one) => one.database} order={order} onOrder={setOrder} />}
        </Loaded>
      </Panel>
      <Failures databases={databases.data ?? []} time={time} />
      <Drills time={time} />
      <ExercisesPanel time={time} />
    </div>
  );
}

function Summary({ databases }: { databases: Database[] }): JSX.Element {
  const count = (standing: Database["standing"]): number => databases.filter((one) => one.standing === standing).length;
  const words = { missed: ["misses an objective", "miss an objective"], unknown: ["UNKNOWN", "UNKNOWN"], met: ["meets its objectives", "meet their objectives"] } as const;
  return (
    <>
      {(["missed", "unknown", "met"] as const).map((standing) => count(standing) > 0 && <StateBadge key={standing} condition={conditionOf(standing)} text={`${count(standing)} ${words[standing][count(standing) === 1 ? 0 : 1]}`} />)}
    </>
  );
}

function columnsOf(time: Time): Array<Column<Database>> {
  const ago = (moment: string | null | undefined): string => (moment ? agoText(Date.parse(moment), time.now) : "never");
  return [
    {
      id: "name",
      title: "Database",
      value: (one) => one.database,
      cell: (one) => (
        <a class="backups-name" href={linkTo(`/backups/${encodeURIComponent(one.database)}`)}>
          {one.database}
          <small>{one.service}, tier {one.tier}</small>
        </a>
      ),
    },
    { id: "standing", title: "Objectives", value: (one) => RANKS[one.standing], cell: (one) => <StateBadge condition={conditionOf(one.standing)} text={one.standing === "unknown" ? "UNKNOWN" : one.standing} /> },
    { id: "rpo", title: "Would be lost (RPO)", value: (one) => one.checks.rpo?.measured, cell: (one) => <Objective check={one.checks.rpo} objectiveS={one.rpo_s} /> },
    { id: "rto", title: "Back within (RTO, p95)", value: (one) => one.checks.rto?.measured, cell: (one) => <Objective check={one.checks.rto} objectiveS={one.rto_s} /> },
    {
      id: "proof",
      title: "Newest proof",
      value: (one) => one.newest_proof?.taken_at,
      cell: (one) => (
        <span class="backups-proof">
          {one.newest_proof ? <StateBadge condition={conditionOf(one.newest_proof.verdict)} text={one.newest_proof.verdict ?? "UNKNOWN"} /> : <StateBadge condition="unknown" text="none yet" />}
          {one.newest_proof && <small>taken {ago(one.newest_proof.taken_at)}, restored {ago(one.newest_proof.proven_at)}</small>}
        </span>
      ),
    },
    { id: "size", title: "Dump", value: (one) => one.newest_dump?.bytes, cell: (one) => bytesText(one.newest_dump?.bytes), isNumber: true },
    { id: "due", title: "Next", value: (one) => one.next_due, cell: (one) => <span class="backups-nowrap quiet">{one.is_taken_here ? ago(one.next_due) : "made elsewhere"}</span>, isNumber: true },
  ];
}

/** What failed last, of each database that has a failure newer than its newest proof. */
function Failures({ databases, time }: { databases: Database[]; time: Time }): JSX.Element | null {
  const failed = databases.filter((one) => one.last_failure && Date.parse(one.last_failure.at) > Date.parse(one.newest_proof?.proven_at ?? "1970-01-01T00:00:00Z"));
  if (failed.length === 0) return null;
  return (
    <Panel title="What failed last" isFlush>
      <ul class="open-list backups-failed">
        {failed.map((one) => one.last_failure && (
          <li key={one.database}>
            <a class="open-item" href={linkTo(`/backups/${encodeURIComponent(one.database)}`, { proof: one.last_failure.verification_id || undefined })}>
              <StateBadge condition={one.last_failure.reason ? "anomalous" : "unknown"} text={one.last_failure.reason.replaceAll("_", " ") || "UNKNOWN"} />
              <div>
                <p>{one.database}: {one.last_failure.detail}</p>
              </div>
              <span class="open-when">{agoText(Date.parse(one.last_failure.at), time.now)}</span>
            </a>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function NoDatabases(): JSX.Element {
  return (
    <Told icon="backup" title="No database is declared" height={220}>
      Declare databases in the catalog: opsloop then dumps them, restores each dump, and says what could be had back.
    </Told>
  );
}

export const backups: Page = {
  pattern: "/backups",
  title: () => "Backups",
  view: View,
  nav: { label: "Backups", icon: "backup", key: "b" },
};
