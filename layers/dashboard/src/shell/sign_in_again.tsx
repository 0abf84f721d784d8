/** What comes over the page when the session has ended: sign in again, and everything is where it was. */

import type { JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

import { refreshNow } from "../lib/clock.ts";
import { findSession, leave, session } from "../lib/session.ts";
import { useStore } from "../lib/store.ts";
import { SignInForm } from "./sign_in_form.tsx";
import "./sign_in.css";

/** The dialog. It also closes when somebody signs in in another tab of the same browser. */
export function SignInAgain(): JSX.Element {
  const box = useRef<HTMLDialogElement>(null);
  const id = useId();
  const who = useStore(session);
  useEffect(() => {
    const { current } = box;
    if (current && !current.open) current.showModal();
    return () => {
      current?.close();
      refreshNow();
    };
  }, []);
  useEffect(() => {
    const look = (): void => {
      if (document.visibilityState === "visible") void findSession().catch(() => undefined); // the dialog stays
    };
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, []);
  return (
    <dialog ref={box} class="dialog sign-in-again" aria-labelledby={id} onCancel={(event) => event.preventDefault()}>
      <div class="dialog-head"><h2 id={id}>Sign in again</h2></div>
      <div class="dialog-body stack">
        <p class="quiet">
          Your session{who?.name ? ` (${who.name})` : ""} has ended. What you see stays as it is and goes on once you are signed in.
        </p>
        <SignInForm />
        <button type="button" class="button is-plain sign-in-wide" onClick={leave}>Leave this page</button>
      </div>
    </dialog>
  );
}
