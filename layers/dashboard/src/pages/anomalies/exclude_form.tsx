/** The form by which a time is kept out of what is learnt. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Button, Dialog } from "../../components/controls.tsx";
import { ApiError, send } from "../../lib/api.ts";
import { useTime } from "../../lib/clock.ts";
import { DAY, isoOf } from "../../lib/time.ts";
import { fieldOf, momentOfField } from "../../lib/zone.ts";

const MOST_DAYS = 31;

/** A dialog; `onDone` is told whether something was stored. It begins with the page's time range. */
export function ExcludeForm(props: { services: string[]; onDone: (isStored: boolean) => void }): JSX.Element {
  const time = useTime();
  const [service, setService] = useState("*");
  const [from, setFrom] = useState(fieldOf(time.span.from, time.zone));
  const [to, setTo] = useState(fieldOf(Math.min(time.span.to, time.now), time.zone));
  const [reason, setReason] = useState("");
  const [failure, setFailure] = useState("");
  const [isSending, setIsSending] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const ends = [momentOfField(from, time.zone), momentOfField(to, time.zone)] as const;
    const wrong = wrongOf(ends[0], ends[1], reason);
    setFailure(wrong);
    if (wrong) return;
    setIsSending(true);
    try {
      await send("POST", "/v1/anomalies/exclusions", { service, from: isoOf(ends[0]), to: isoOf(ends[1]), reason: reason.trim() });
      props.onDone(true);
    } catch (error) {
      setFailure(error instanceof ApiError ? error.message : String(error));
      setIsSending(false);
    }
  };
  return (
    <Dialog title="Exclude a time" onClose={() => props.onDone(false)}>
      <form class="stack" onSubmit={(event) => void submit(event)}>
        <p class="quiet">What is judged in that time from now on is not learnt. What was learnt of it before stays learnt.</p>
        <label class="field">
          <span class="label">Service</span>
          <select class="input" value={service} onChange={(event) => setService(event.currentTarget.value)}>
            <option value="*">All services</option>
            {props.services.map((name) => <option key={name} value={name}>{name}</option>)}
          </select>
        </label>
        <div class="exclude-ends">
          <label class="field"><span class="label">From</span><input class="input" type="datetime-local" required value={from} onInput={(event) => setFrom(event.currentTarget.value)} /></label>
          <label class="field"><span class="label">To</span><input class="input" type="datetime-local" required value={to} onInput={(event) => setTo(event.currentTarget.value)} /></label>
        </div>
        <label class="field">
          <span class="label">Reason</span>
          <input class="input" required maxLength={500} placeholder="Load test of checkout" value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
        </label>
        {failure && <p class="exclude-error" role="alert">{failure}</p>}
        <div class="row">
          <Button label={isSending ? "Storing" : "Exclude it"} look="primary" type="submit" disabled={isSending} />
          <Button label="Cancel" look="plain" onClick={() => props.onDone(false)} />
        </div>
      </form>
    </Dialog>
  );
}

/** Return what is wrong with what was filled in, "" if nothing is. */
export function wrongOf(from: number, to: number, reason: string): string {
  if (Number.isNaN(from) || Number.isNaN(to)) return "Both ends need a date and a time.";
  if (from >= to) return "It must begin before it ends.";
  if (to - from > MOST_DAYS * DAY) return `At most ${MOST_DAYS} days can be left out at once.`;
  return reason.trim() ? "" : "Say why: others will wonder.";
}
