/** One database: what could be had back now, what the audit says, its dumps and proofs over time. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Button } from "../../components/controls.tsx";
import { Loaded, Panel, Told } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { ApiError, get, getAll, send } from "../../lib/api.ts";
import { conditionOf, lengthText } from "../../lib/backup.ts";
import type { DatabaseWhole, Dump, Recoverable } from "../../lib/backup.ts";
import { useTime } from "../../lib/clock.ts";
import type { Time } from "../../lib/clock.ts";
import { useQuery } from "../../lib/query.ts";
import { linkTo, useParameter } from "../../lib/router.ts";
import { may, session } from "../../lib/session.ts";
import { useStore } from "../../lib/store.ts";
import { agoText, timeText } from "../../lib/time.ts";
import type { Page, PageProps } from "../../shell/page.ts";
import "./backup.css";
import { ProofsTold, useProofs } from "./again.tsx";
import { Checks } from "./checks.tsx";
import { Dumps } from "./dumps.tsx";
import { Sources } from "./sources.tsx";
import { Timeline } from "./timeline.tsx";
import { resolutionOf } from "./trends.ts";
import type { History } from "./trends.ts";
import { Trends } from "./trends.tsx";
import { VerificationDialog } from "./verification.tsx";

function View({ parameters }: PageProps): JSX.Element {
  const time = useTime();
  const name = parameters["database"] ?? "";
  const path = `/v1/backups/${encodeURIComponent(name)}`;
  const [proof, setProof] = useParameter("proof");
  const whole = useQuery(`backup ${name}`, (signal) => get<DatabaseWhole>(path, {}, signal), time.tick);
  const span = { from: time.from, to: time.to };
  const dumps = useQuery(`backup dumps ${name}|${time.key}`, (signal) => getAll<{ dumps: Dump[]; next: string | null }, Dump>(`${path}/dumps`, { ...span, limit: 1_000 }, (page) => page.dumps, { signal }), time.tick);
  const history = useQuery(`backup history ${name}|${time.key}`, (signal) => get<History>(`${path}/history`, { ...span, resolution: resolutionOf(time.span) }, signal), time.tick);
  const proofs = useProofs(name, dumps.data ?? []);
  return (
    <div class="page">
      <header class="page-head">
        <h1>{name}</h1>
        {whole.data && <Head one={whole.data} onTaken={whole.reload} />}
      </header>
      <Loaded query={whole} height={320}>
        {(one) => (
          <div class="stack">
            <Recover one={one} time={time} />
            <div class="backup-columns">
              <Checks one={one} now={time.now} />
              <Sources one={one} time={time} />
            </div>
            <Panel title="Dumps and proofs" note={one.next_due && one.is_taken_here ? `next ${agoText(Date.parse(one.next_due), time.now)}` : undefined} isFlush isBusy={dumps.isRefreshing}>
              <Loaded query={dumps} height={200}>
                {(all) => (
                  <>
                    <Timeline database={name} dumps={all} time={time} />
                    <ProofsTold proofs={proofs} time={time} />
                    <Dumps database={name} dumps={all} time={time} proofs={proofs} />
                  </>
                )}
              </Loaded>
            </Panel>
            <Loaded query={history} height={230}>
              {(answer) => <Trends one={one} history={answer} time={time} isBusy={history.isRefreshing} />}
            </Loaded>
          </div>
        )}
      </Loaded>
      {proof && <VerificationDialog key={proof} id={proof} time={time} proofs={proofs} onClose={() => setProof("")} />}
    </div>
  );
}

function Head({ one, onTaken }: { one: DatabaseWhole; onTaken: () => void }): JSX.Element {
  const who = useStore(session);
  const [said, setSaid] = useState("");
  const take = async (): Promise<void> => {
    setSaid("Asking…");
    try {
      await send("POST", `/v1/backups/${encodeURIComponent(one.database)}/take`);
      setSaid("A dump was asked for.");
      onTaken();
    } catch (error) {
      setSaid(`It was not asked for: ${error instanceof ApiError ? error.message : String(error)}`);
    }
  };
  return (
    <div class="verdict">
      <StateBadge condition={conditionOf(one.standing)} text={one.standing === "unknown" ? "UNKNOWN" : one.standing} />
      <span class="quiet small backup-head">tier {one.tier}, <a href={linkTo(`/services/${encodeURIComponent(one.service)}`)}>{one.service}</a>, every {one.every_h} h, kept as {one.retention}</span>
      {one.takes.length > 0 && <span class="small" role="status">{one.takes.length === 1 ? "a dump is being taken" : `${one.takes.length} dumps are being taken`}</span>}
      {one.is_taken_here && may("operator", who) && <Button label="Take a dump now" icon="backup" onClick={() => void take()} />}
      {said && <span class="small" role="status">{said}</span>}
    </div>
  );
}

/** The first thing to know at 3 a.m.: how far back one would be, and for how long away. */
function Recover({ one, time }: { one: DatabaseWhole; time: Time }): JSX.Element {
  return (
    <Panel title="What could be had back now" isFlush>
      {one.recoverable.length === 0 ? (
        <Told icon="warning" title="Nothing is known to be recoverable" tone="unknown">{one.summary || "No dump of this database has been restored yet."}</Told>
      ) : (
        <ul class="backup-recover">
          {one.recoverable.map((state) => <State key={`${state.by} ${state.dump_id}`} state={state} time={time} />)}
        </ul>
      )}
      {one.last_failure && (
        <p class="backup-failure">
          <StateBadge condition="anomalous" text={one.last_failure.reason.replaceAll("_", " ")} />
          <span>
            Last failure, {agoText(Date.parse(one.last_failure.at), time.now)}: {one.last_failure.detail}{" "}
            {one.last_failure.verification_id && <a href={linkTo(`/backups/${encodeURIComponent(one.database)}`, { proof: one.last_failure.verification_id })}>Show it</a>}
          </span>
        </p>
      )}
    </Panel>
  );
}

function State({ state, time }: { state: Recoverable; time: Time }): JSX.Element {
  const until = Date.parse(state.until);
  return (
    <li>
      <StateBadge condition={state.is_proven ? "healthy" : "unknown"} text={state.is_proven ? "restored by opsloop" : `reported by ${state.by}`} />
      <p>
        As of <b>{timeText(until, time.zone)}</b>: what came after that, <b>{lengthText((time.now - until) / 1_000)}</b>, would be lost.
        {state.restore_s !== null && <> Restoring it took <b>{lengthText(state.restore_s)}</b>.</>}
        {state.dump_id && <code>{state.dump_id}</code>}
      </p>
    </li>
  );
}

export const backup: Page = {
  pattern: "/backups/:database",
  title: (parameters) => `${parameters["database"]} · Backups`,
  view: View,
  under: "/backups",
};
