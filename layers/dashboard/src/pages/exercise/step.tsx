/** One step of an exercise, with what may be said of it. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Button } from "../../components/controls.tsx";
import { StateBadge } from "../../components/state.tsx";
import { SAY, sayable, stepCondition } from "../../lib/exercise.ts";
import type { Step, StepState } from "../../lib/exercise.ts";
import { timeText } from "../../lib/time.ts";

const MOST = 1_000;

/** The row. Nothing is sent twice: while an answer is awaited, nothing can be said. */
export function StepRow(props: { step: Step; canSay: boolean; zone: string; onSay: (state: StepState, note: string) => Promise<void> }): JSX.Element {
  const { step } = props;
  const [note, setNote] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const say = async (state: StepState): Promise<void> => {
    setIsBusy(true);
    await props.onSay(state, note.trim());
    setNote("");
    setIsBusy(false);
  };
  const choices = sayable(step.state);
  const isLate = step.minutes !== null && step.target_minutes !== null && step.minutes > step.target_minutes;
  return (
    <li>
      <StateBadge condition={stepCondition(step.state)} text={step.state === "todo" ? "to do" : step.state} />
      <div class="exercise-step">
        <p><span class="quiet">{step.n}.</span> {step.do}</p>
        <p class="small quiet">
          {step.minutes !== null && `took ${step.minutes} min`}
          {step.target_minutes !== null && `${step.minutes !== null ? ", " : ""}due within ${step.target_minutes} min`}
          {isLate && ", late"}
        </p>
        {step.said.length > 0 && (
          <ul class="small quiet" aria-label={`What was said of step ${step.n}`}>
            {step.said.map((one) => <li key={`${one.at} ${one.state}`}>{timeText(Date.parse(one.at), props.zone, "second")} {one.state} by {one.by}{one.note && `: ${one.note}`}</li>)}
          </ul>
        )}
        {props.canSay && choices.length > 0 && (
          <div class="row exercise-say">
            <input class="input" aria-label={`Note on step ${step.n}`} placeholder="Note, if you like" maxLength={MOST} value={note} onInput={(event) => setNote(event.currentTarget.value)} />
            {choices.map((state) => <Button key={state} label={SAY[state]} aria-label={`${SAY[state]}: step ${step.n}`} disabled={isBusy} onClick={() => void say(state)} />)}
          </div>
        )}
      </div>
    </li>
  );
}
