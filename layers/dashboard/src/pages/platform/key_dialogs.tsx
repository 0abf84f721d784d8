/** Making a key, whose token is shown once, and revoking one, which cannot be undone. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Button, Dialog } from "../../components/controls.tsx";
import { Failure } from "../../components/panel.tsx";
import { ApiError, send } from "../../lib/api.ts";
import type { ApiKey } from "./types.ts";
import { expiryOf } from "./words.ts";

const SCOPES: Array<[string, string]> = [
  ["ingest", "send telemetry"],
  ["read", "look at everything but keys and quarantined bytes"],
  ["operate", "read, give feedback, replay, send again, restore"],
  ["admin", "everything, keys too"],
];
const LIVES: Array<[number, string]> = [[0, "Never"], [7, "In a week"], [30, "In 30 days"], [90, "In 90 days"], [365, "In a year"]];

type Made = ApiKey & { token: string };

/** Ask for a name, scopes and an end, make the key, and show its token. */
export function CreateDialog({ onClose }: { onClose: () => void }): JSX.Element {
  const [made, setMade] = useState<Made>();
  if (made) return <Dialog title="The new key" onClose={onClose}><Token made={made} onClose={onClose} /></Dialog>;
  return <Dialog title="New key" onClose={onClose}><Form onMade={setMade} onClose={onClose} /></Dialog>;
}

function Form({ onMade, onClose }: { onMade: (made: Made) => void; onClose: () => void }): JSX.Element {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<ReadonlySet<string>>(new Set(["read"]));
  const [days, setDays] = useState(90);
  const [error, setError] = useState<ApiError>();
  const [isBusy, setIsBusy] = useState(false);
  const toggle = (scope: string): void => {
    const next = new Set(scopes);
    if (!next.delete(scope)) next.add(scope);
    setScopes(next);
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    setIsBusy(true);
    send<Made>("POST", "/v1/keys", { name: name.trim(), scopes: [...scopes], expires_at: expiryOf(days, Date.now()) }).then(onMade, (reason: unknown) => {
      setError(asError(reason));
      setIsBusy(false);
    });
  };
  return (
    <form class="stack" onSubmit={submit}>
      <label class="field">
        <span class="label">Whose key it is</span>
        <input class="input" required maxLength={100} value={name} placeholder="on-call laptop" onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <fieldset class="platform-choices">
        <legend class="label">What it may do</legend>
        {SCOPES.map(([scope, what]) => (
          <label key={scope}>
            <input type="checkbox" checked={scopes.has(scope)} onChange={() => toggle(scope)} />
            <span><b>{scope}</b> <span class="quiet">{what}</span></span>
          </label>
        ))}
      </fieldset>
      <label class="field">
        <span class="label">When it ends</span>
        <select class="input" value={String(days)} onChange={(event) => setDays(Number(event.currentTarget.value))}>
          {LIVES.map(([count, label]) => <option key={count} value={String(count)}>{label}</option>)}
        </select>
      </label>
      {error && <Failure error={error} height={60} />}
      <div class="platform-actions">
        <Button label="Cancel" onClick={onClose} />
        <Button label={isBusy ? "Making…" : "Make the key"} type="submit" look="primary" disabled={isBusy || !name.trim() || scopes.size === 0} />
      </div>
    </form>
  );
}

function Token({ made, onClose }: { made: Made; onClose: () => void }): JSX.Element {
  const [isCopied, setIsCopied] = useState(false);
  const copy = (): void => {
    void navigator.clipboard.writeText(made.token).then(() => setIsCopied(true));
  };
  return (
    <div class="stack">
      <p>The token of <b>{made.name}</b>. It is shown now and never again: opsloop keeps only what can check it.</p>
      <code class="platform-token" tabIndex={0} aria-label="Token">{made.token}</code>
      <div class="platform-actions">
        <Button label={isCopied ? "Copied" : "Copy"} icon={isCopied ? "check" : "copy"} look="primary" onClick={copy} />
        <Button label="Done" onClick={onClose} />
      </div>
      <span class="only-read" role="status">{isCopied ? "Copied" : ""}</span>
    </div>
  );
}

/** Ask whether the key `id` is to be revoked, and do it. */
export function RevokeDialog({ name, id, onClose }: { name: string; id: string; onClose: () => void }): JSX.Element {
  const [error, setError] = useState<ApiError>();
  const [isBusy, setIsBusy] = useState(false);
  const revoke = (): void => {
    setIsBusy(true);
    send("DELETE", `/v1/keys/${encodeURIComponent(id)}`).then(onClose, (reason: unknown) => {
      setError(asError(reason));
      setIsBusy(false);
    });
  };
  return (
    <Dialog title={`Revoke ${name}?`} onClose={onClose}>
      <div class="stack">
        <p>Whoever uses the key <code>{id}</code> is refused within a minute, and the sessions opened with it end. It cannot be undone.</p>
        {error && <Failure error={error} height={60} />}
        <div class="platform-actions">
          <Button label="Keep it" onClick={onClose} />
          <Button label={isBusy ? "Revoking…" : "Revoke"} class="platform-danger" disabled={isBusy} onClick={revoke} />
        </div>
      </div>
    </Dialog>
  );
}

function asError(reason: unknown): ApiError {
  return reason instanceof ApiError ? reason : new ApiError(0, "The page failed", String(reason));
}
