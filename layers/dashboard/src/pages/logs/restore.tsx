/** Lines that have gone cold: asking for them, and how far that is. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Dialog } from "../../components/controls.tsx";
import { Loaded } from "../../components/panel.tsx";
import { ApiError, get, send } from "../../lib/api.ts";
import { bytesText, countText } from "../../lib/format.ts";
import { useQuery } from "../../lib/query.ts";
import { agoText, rangeText } from "../../lib/time.ts";
import { visible } from "./lines.ts";
import type { Gap, Restore } from "./types.ts";

const PHASES: Record<Restore["phase"], string> = {
  asking: "is being asked for", waiting: "waits for the archive", back: "is back, or will be within minutes", over: "has left the search again",
};

/** Ask S3 for what a gap names, and show what was asked for before. */
export function RestoreDialog(props: { gap: Gap; services: string[]; zone: string; onClose: () => void }): JSX.Element {
  const { gap, zone } = props;
  const [service, setService] = useState(gap.service ?? props.services[0] ?? "");
  const [tier, setTier] = useState("standard");
  const [asked, setAsked] = useState<Restore>();
  const [error, setError] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setIsBusy(true);
    setError("");
    try {
      setAsked(await send<Restore>("POST", "/v1/logs/restore", { service, from: gap.from, to: gap.to, tier }));
    } catch (reason) {
      setError(reason instanceof ApiError ? reason.message : String(reason));
    }
    setIsBusy(false);
  };
  return (
    <Dialog title="Bring cold lines back" onClose={props.onClose}>
      <form class="stack" onSubmit={(event) => void submit(event)}>
        <p>{spanText(gap, zone)}. They stay searchable for 7 days.</p>
        <label class="field">
          <span class="label">Service</span>
          {gap.service === null ? (
            <input class="input" required value={service} list="restore-services" onInput={(event) => setService(event.currentTarget.value)} />
          ) : (
            <bdi>{visible(gap.service)}</bdi>
          )}
          <datalist id="restore-services">{props.services.map((one) => <option key={one} value={one} />)}</datalist>
        </label>
        <label class="field">
          <span class="label">How fast</span>
          <select class="input" value={tier} onChange={(event) => setTier(event.currentTarget.value)}>
            <option value="standard">Standard: 5 hours at most, 12 from the deep archive</option>
            <option value="bulk">Bulk: 12 and 48 hours, cheaper</option>
          </select>
        </label>
        {error && <p class="time-error" role="alert">{error}</p>}
        {asked ? (
          <p role="status">Asked for: {countText(asked.objects_cold)} objects, {bytesText(asked.bytes_cold)}, within {asked.expected_hours} hours. It {PHASES[asked.phase]}.</p>
        ) : (
          <button type="submit" class="button is-primary" disabled={isBusy || !service}>{isBusy ? "Asking" : "Ask for them"}</button>
        )}
      </form>
      <Before zone={zone} />
    </Dialog>
  );
}

function spanText({ from, to }: { from: string; to: string }, zone: string): string {
  return rangeText({ from: "", to: "" }, { from: Date.parse(from), to: Date.parse(to) }, zone);
}

function Before({ zone }: { zone: string }): JSX.Element {
  const query = useQuery("restores", (signal) => get<{ restores: Restore[] }>("/v1/logs/restores", {}, signal));
  return (
    <section class="restores" aria-label="Asked for before">
      <h3>Asked for before</h3>
      <Loaded query={query} height={40}>
        {({ restores }) => restores.length === 0 ? <p class="quiet small">Nothing yet.</p> : (
          <ul class="small">
            {restores.slice(0, 8).map((one) => (
              <li key={one.id}>
                <bdi>{visible(one.service)}</bdi>, {spanText(one, zone)}: {PHASES[one.phase]}
                {one.phase === "waiting" && `, ${countText(one.objects_back)} of ${countText(one.objects_asked)} objects`}{" "}
                <span class="quiet">({agoText(Date.parse(one.requested_at), Date.now())})</span>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </section>
  );
}
