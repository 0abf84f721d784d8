/** Replaying: first what would come of it, then, if that is wanted, what came of it. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Button, Dialog } from "../../components/controls.tsx";
import { Failure, Loaded } from "../../components/panel.tsx";
import { ApiError, send } from "../../lib/api.ts";
import { countText } from "../../lib/format.ts";
import { useQuery } from "../../lib/query.ts";
import type { ReplayResults } from "./types.ts";
import { resultText } from "./words.ts";

/** A dialog that replays the objects `keys`; says on closing whether something counted. */
export function ReplayDialog({ keys, onClose }: { keys: string[]; onClose: (isChanged: boolean) => void }): JSX.Element {
  const trial = useQuery(`replay ${keys.join(" ")}`, () => send<ReplayResults>("POST", "/v1/quarantine/replay", { keys, dry_run: true }));
  const [done, setDone] = useState<ReplayResults>();
  const [error, setError] = useState<ApiError>();
  const [isBusy, setIsBusy] = useState(false);
  const replay = (): void => {
    setIsBusy(true);
    setError(undefined);
    send<ReplayResults>("POST", "/v1/quarantine/replay", { keys }).then(
      (results) => {
        setDone(results);
        setIsBusy(false);
      },
      (reason: unknown) => {
        setError(reason instanceof ApiError ? reason : new ApiError(0, "The page failed", String(reason)));
        setIsBusy(false);
      },
    );
  };
  return (
    <Dialog title={keys.length === 1 ? "Replay one object" : `Replay ${countText(keys.length)} objects`} onClose={() => onClose(done !== undefined)}>
      <div class="stack">
        {done ? (
          <Outcome results={done} />
        ) : (
          <Loaded query={trial} height={90}>
            {(results) => (
              <>
                <Outcome results={results} />
                {results.items > 0 && <p class="quiet small">Each object counts once, however often it is replayed. Items count at their own times.</p>}
              </>
            )}
          </Loaded>
        )}
        {error && <Failure error={error} height={60} />}
        <div class="platform-actions">
          <Button label={done ? "Done" : "Cancel"} onClick={() => onClose(done !== undefined)} />
          {!done && trial.data && trial.data.items > 0 && (
            <Button label={isBusy ? "Replaying…" : `Count ${countText(trial.data.items)} items`} look="primary" icon="play" disabled={isBusy} onClick={replay} />
          )}
        </div>
      </div>
    </Dialog>
  );
}

function Outcome({ results }: { results: ReplayResults }): JSX.Element {
  const failures = results.results.filter((one) => one.reason).slice(0, 5);
  return (
    <div role="status">
      <p class="platform-strong">
        {results.dry_run ? `${countText(results.items)} items would count.` : `${countText(results.items)} items counted.`}
      </p>
      <ul class="platform-results">
        {Object.entries(results.counts).map(([result, count]) => (
          <li key={result}><b>{countText(count)}</b> {resultText(result, results.dry_run)}</li>
        ))}
      </ul>
      {failures.length > 0 && (
        <ul class="platform-refused">
          {failures.map((one) => <li key={one.key}>{one.reason}</li>)}
        </ul>
      )}
    </div>
  );
}
