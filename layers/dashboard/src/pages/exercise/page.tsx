/** One exercise: what to do, in order, what was said of each step, and what it achieved beside the objectives. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Button } from "../../components/controls.tsx";
import { Loaded, Panel } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import { ApiError, get, send } from "../../lib/api.ts";
import { conditionOf, lengthText } from "../../lib/backup.ts";
import { useTime } from "../../lib/clock.ts";
import { outcomeOf, PHASES } from "../../lib/exercise.ts";
import type { Achieved, Exercise } from "../../lib/exercise.ts";
import { useQuery } from "../../lib/query.ts";
import { linkTo } from "../../lib/router.ts";
import { may, session } from "../../lib/session.ts";
import { useStore } from "../../lib/store.ts";
import { agoText, timeText } from "../../lib/time.ts";
import type { Page, PageProps } from "../../shell/page.ts";
import "./exercise.css";
import { StepRow } from "./step.tsx";

function View({ parameters }: PageProps): JSX.Element {
  const time = useTime();
  const who = useStore(session);
  const [failure, setFailure] = useState("");
  const path = `/v1/backups/exercises/${encodeURIComponent(parameters["id"] ?? "")}`;
  const query = useQuery(`exercise ${path}`, (signal) => get<Exercise>(path, {}, signal), time.tick);
  const say = async (address: string, document: unknown): Promise<void> => {
    setFailure("");
    try {
      await send("POST", address, document);
    } catch (error) {
      setFailure(error instanceof ApiError ? error.message : String(error));
    }
    query.reload();
  };
  return (
    <div class="page">
      <Loaded query={query} height={420}>
        {(one) => {
          const canSay = one.state === "running" && may("operator", who);
          return (
            <div class="stack">
              <header class="page-head">
                <h1>Exercise: {one.disaster}</h1>
                <div class="verdict">
                  <StateBadge {...outcomeOf(one)} />
                  <span class="quiet small">{one.quarter}, begun {agoText(Date.parse(one.started_at), time.now)} by {one.started_by}</span>
                  {canSay && <Button label="Finish" icon="check" onClick={() => void say(`${path}/finish`, {})} />}
                  {canSay && <Button label="Abandon" icon="close" onClick={() => void say(`${path}/finish`, { abandon: true })} />}
                </div>
              </header>
              {failure && <p class="stale" role="alert">It was not stored: {failure}</p>}
              {one.description && <p class="quiet">{one.description}</p>}
              <Panel title="What can be restored" note="as it was when the exercise began" isFlush>
                <ul class="exercise-restorable">
                  {one.restorable.map((each) => (
                    <li key={each.database}>
                      <a href={linkTo(`/backups/${encodeURIComponent(each.database)}`)}><b>{each.database}</b></a>
                      {each.dump_id ? (
                        <span><code>{each.dump_id}</code> <span class="quiet">taken {lengthText(each.age_s)} before, restored in {lengthText(each.expected_restore_s)}</span></span>
                      ) : (
                        <StateBadge condition="unknown" text="no proven dump" />
                      )}
                    </li>
                  ))}
                </ul>
              </Panel>
              {Object.entries(PHASES).map(([phase, title]) => {
                const steps = one.steps.filter((step) => step.phase === phase);
                if (steps.length === 0) return null;
                return (
                  <Panel key={phase} title={title} isFlush>
                    <ol class="exercise-steps">
                      {steps.map((step) => <StepRow key={step.n} step={step} canSay={canSay} zone={time.zone} onSay={(state, note) => say(`${path}/steps/${step.n}`, note ? { state, note } : { state })} />)}
                    </ol>
                  </Panel>
                );
              })}
              <Panel title="Achieved" note={one.ended_at ? `ended ${timeText(Date.parse(one.ended_at), time.zone)} by ${one.ended_by}` : "so far"} isFlush>
                <Table label="Achieved" columns={COLUMNS} rows={one.databases} keyOf={(row) => row.database} />
              </Panel>
            </div>
          );
        }}
      </Loaded>
    </div>
  );
}

const COLUMNS: Array<Column<Achieved>> = [
  { id: "database", title: "Database", cell: (row) => row.database },
  { id: "rto", title: "Back within (RTO)", cell: (row) => <Beside standing={row.rto} measured={row.rto_s} target={row.rto_target_s} /> },
  { id: "rpo", title: "Lost (RPO)", cell: (row) => <Beside standing={row.rpo} measured={row.rpo_s} target={row.rpo_target_s} /> },
];

function Beside({ standing, measured, target }: { standing: string; measured: number | null; target: number }): JSX.Element {
  const condition = conditionOf(standing);
  return <><StateBadge condition={condition} text={condition === "unknown" ? "UNKNOWN" : lengthText(measured)} /> <span class="quiet">of {lengthText(target)}</span></>;
}

export const exercise: Page = {
  pattern: "/backups/exercises/:id",
  title: () => "Exercise · Backups",
  view: View,
  under: "/backups",
};
