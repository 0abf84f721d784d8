/** Whether the verifier itself can be trusted: every night it is given damaged dumps, and must reject each. */

import type { JSX } from "preact";

import { Loaded, Panel, Told } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { get } from "../../lib/api.ts";
import type { Time } from "../../lib/clock.ts";
import { useQuery } from "../../lib/query.ts";
import { agoText } from "../../lib/time.ts";

interface Control {
  name: string;
  about: string;
  expected: string;
  got: string;
  passed: boolean;
  seconds: number;
  detail: string;
}

interface Drill {
  id: string;
  started_at: string;
  passed: boolean;
  seconds: number;
  engine_version: string;
  controls: Control[];
}

/** The panel of the last night's drill. */
export function Drills({ time }: { time: Time }): JSX.Element {
  const query = useQuery("backup drills", (signal) => get<{ drills: Drill[]; next: string | null }>("/v1/backups/drills", { limit: 1 }, signal), time.tick);
  const last = query.data?.drills[0];
  return (
    <Panel title="Is the verifier to be trusted?" note={last && `drilled ${agoText(Date.parse(last.started_at), time.now)}`} isBusy={query.isRefreshing}>
      <Loaded query={query} height={110} empty={(answer) => (answer.drills.length === 0 ? <Told title="It was not drilled yet" tone="unknown">Every night damaged dumps are given to it, and each must be rejected for the right reason.</Told> : null)}>
        {() => last && <Controls drill={last} />}
      </Loaded>
    </Panel>
  );
}

function Controls({ drill }: { drill: Drill }): JSX.Element {
  const wrong = drill.controls.filter((one) => !one.passed).length;
  return (
    <div class="stack">
      <p>
        <StateBadge condition={drill.passed ? "healthy" : "anomalous"} text={drill.passed ? "It rejected every damaged dump" : "The verifier is broken"} />{" "}
        {!drill.passed && `${wrong} of ${drill.controls.length} controls came out wrong: no verdict can be relied on until this is mended.`}
      </p>
      <ul class="backups-drill" aria-label="Controls">
        {drill.controls.map((one) => (
          <li key={one.name} title={`${one.about}. Due: ${one.expected}. Came: ${one.got}. ${one.detail}`}>
            <span>{one.name.replaceAll("_", " ")}</span>
            <StateBadge condition={one.passed ? "healthy" : "anomalous"} text={one.got.replaceAll("_", " ")} isBare />
          </li>
        ))}
      </ul>
    </div>
  );
}
