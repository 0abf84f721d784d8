/** Was it worth being told? Said by operators, shown at once; said again, it takes the place of what was said before. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import { Button } from "../../components/controls.tsx";
import { Panel } from "../../components/panel.tsx";
import { ApiError, send } from "../../lib/api.ts";
import { may, session } from "../../lib/session.ts";
import { useStore } from "../../lib/store.ts";
import { isoOf, timeText } from "../../lib/time.ts";
import type { AnomalyDetail, Feedback, Verdict } from "./types.ts";

const WORDS: Record<Verdict, string> = { useful: "Useful", noise: "Noise" };
const MOST = 1_000;

/** The panel. */
export function FeedbackPanel({ one, zone, onSaid }: { one: AnomalyDetail; zone: string; onSaid: () => void }): JSX.Element {
  const who = useStore(session);
  const stored = one.feedback.find((each) => each.by === who?.key_id);
  const [said, setSaid] = useState<Feedback | undefined>(undefined);
  const [note, setNote] = useState(stored?.note ?? "");
  const [failure, setFailure] = useState("");
  useEffect(() => {
    setSaid(undefined);
    setFailure("");
    setNote(stored?.note ?? "");
  }, [one.anomaly_id, stored?.note]);
  const own = said ?? stored;
  const others = one.feedback.filter((each) => each.by !== who?.key_id);
  const say = async (verdict: Verdict): Promise<void> => {
    const before = said;
    const text = note.trim();
    setFailure("");
    setSaid({ anomaly_id: one.anomaly_id, verdict, note: text, by: who?.key_id ?? "", at: isoOf(Date.now()) });
    try {
      setSaid(await send<Feedback>("POST", `/v1/anomalies/${encodeURIComponent(one.anomaly_id)}/feedback`, text ? { verdict, note: text } : { verdict }));
      onSaid();
    } catch (error) {
      setSaid(before);
      setFailure(error instanceof ApiError ? error.message : String(error));
    }
  };
  return (
    <Panel title="Was it worth being told?">
      {may("operator", who) ? (
        <div class="stack feedback">
          <label class="field">
            <span class="label">Note, if you like</span>
            <input class="input" maxLength={MOST} placeholder="What was it, what helped" value={note} onInput={(event) => setNote(event.currentTarget.value)} />
          </label>
          <div class="row">
            {(["useful", "noise"] as const).map((verdict) => (
              <Button key={verdict} label={WORDS[verdict]} icon={verdict === "useful" ? "check" : "close"} aria-pressed={own?.verdict === verdict} onClick={() => void say(verdict)} />
            ))}
            {own && <span class="quiet small" role="status">You said: {WORDS[own.verdict].toLowerCase()}. Say it again to change it.</span>}
          </div>
          {failure && <p class="feedback-error" role="alert">It was not stored: {failure}</p>}
        </div>
      ) : (
        <p class="quiet">Operators can say whether it was useful or noise.</p>
      )}
      {others.length > 0 && (
        <ul class="feedback-others" aria-label="What others said">
          {others.map((each) => (
            <li key={each.by}><b>{WORDS[each.verdict] ?? each.verdict}</b> {each.note && <span>{each.note}</span>} <span class="quiet small">{each.by}, {timeText(Date.parse(each.at), zone)}</span></li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
