/** Disasters that are exercised each quarter: how each stands, and a way to begin. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Button } from "../../components/controls.tsx";
import { Loaded, Panel, Told } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { ApiError, get, send } from "../../lib/api.ts";
import type { Time } from "../../lib/clock.ts";
import { outcomeOf, standingOf } from "../../lib/exercise.ts";
import type { DisasterStanding, ExerciseBrief, Exercises } from "../../lib/exercise.ts";
import { useQuery } from "../../lib/query.ts";
import { go, linkTo } from "../../lib/router.ts";
import { may, session } from "../../lib/session.ts";
import { useStore } from "../../lib/store.ts";
import { agoText } from "../../lib/time.ts";

/** The panel. */
export function ExercisesPanel({ time }: { time: Time }): JSX.Element {
  const query = useQuery("backup exercises", (signal) => get<Exercises>("/v1/backups/exercises", {}, signal), time.tick);
  return (
    <Panel title="Disaster exercises" note={query.data?.quarter} isFlush isBusy={query.isRefreshing}>
      <Loaded query={query} height={110} empty={(answer) => (answer.disasters.length === 0 ? <Told title="The catalog names no disaster">Name the disasters that you mean to survive: each is then exercised once a quarter, step by step.</Told> : null)}>
        {(answer) => (
          <ul class="backups-disasters">
            {answer.disasters.map((one) => <Disaster key={one.disaster} one={one} last={answer.exercises.find((each) => each.disaster === one.disaster)} now={time.now} />)}
          </ul>
        )}
      </Loaded>
    </Panel>
  );
}

function Disaster({ one, last, now }: { one: DisasterStanding; last: ExerciseBrief | undefined; now: number }): JSX.Element {
  const who = useStore(session);
  const [failure, setFailure] = useState("");
  const begin = async (): Promise<void> => {
    setFailure("");
    try {
      const begun = await send<{ id: string }>("POST", "/v1/backups/exercises", { disaster: one.disaster });
      go(linkTo(`/backups/exercises/${encodeURIComponent(begun.id)}`));
    } catch (error) {
      setFailure(error instanceof ApiError ? error.message : String(error));
    }
  };
  const outcome = last && outcomeOf(last);
  return (
    <li>
      <StateBadge {...standingOf(one.standing)} />
      <div>
        <b>{one.disaster}</b> <span class="quiet">{one.databases.join(", ")}</span>
        {last && outcome && (
          <p class="small">
            <a href={linkTo(`/backups/exercises/${encodeURIComponent(last.id)}`)}>Last exercise</a>: {outcome.text}, {agoText(Date.parse(last.started_at), now)}, {last.steps_settled} of {last.steps_count} steps settled
          </p>
        )}
        {failure && <p class="small" role="alert">It was not begun: {failure}</p>}
      </div>
      {one.running ? (
        <a class="button" href={linkTo(`/backups/exercises/${encodeURIComponent(one.running)}`)}>Go on</a>
      ) : (
        may("operator", who) && <Button label={`Begin ${one.disaster}`} icon="play" onClick={() => void begin()} />
      )}
    </li>
  );
}
