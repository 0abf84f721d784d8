/** The page before all others: who are you? */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Icon } from "../components/icon.tsx";
import { ApiError } from "../lib/api.ts";
import { signIn, ways } from "../lib/session.ts";
import { useStore } from "../lib/store.ts";
import { Brand } from "./brand.tsx";

/** Ask for a key, or send people to their provider. */
export function SignIn(): JSX.Element {
  const { oidc } = useStore(ways);
  const [key, setKey] = useState("");
  const [error, setError] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setIsBusy(true);
    setError("");
    try {
      await signIn(key);
    } catch (reason) {
      setError(reason instanceof ApiError ? reason.message : String(reason));
      setIsBusy(false);
    }
  };
  return (
    <main class="sign-in">
      <form onSubmit={(event) => void submit(event)}>
        <Brand />
        <h1>Sign in</h1>
        <label class="field">
          <span class="label">Key</span>
          <input class="input mono" type="password" name="key" autocomplete="current-password" required value={key} aria-invalid={error ? true : undefined} aria-describedby="sign-in-error" onInput={(event) => setKey(event.currentTarget.value)} />
        </label>
        <p id="sign-in-error" class="time-error" role="alert">{error}</p>
        <button type="submit" class="button is-primary" disabled={isBusy}>{isBusy ? "Signing in" : "Sign in"}</button>
        {oidc && <a class="button" href="/v1/session/oidc"><Icon name="user" /> Sign in with your organisation</a>}
      </form>
    </main>
  );
}
