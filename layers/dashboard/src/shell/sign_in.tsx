/** The page before all others: who are you? */

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";

import { Brand } from "./brand.tsx";
import { SignInForm } from "./sign_in_form.tsx";
import "./sign_in.css";

const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];

/** Ask for a key, or send people to their provider; the address stays, so the page that was asked for comes next. */
export function SignIn(): JSX.Element {
  useEffect(() => {
    document.title = "Sign in · opsloop";
  }, []);
  const isLocal = LOOPBACK.includes(window.location.hostname);
  return (
    <main class="sign-in" id="main">
      <div class="sign-in-card">
        <Brand />
        <h1>Sign in</h1>
        <SignInForm />
        <p class="sign-in-hint">
          {isLocal
            ? <><code>make run</code> printed keys for this console; they stand in <code>.local/stack.json</code>, too.</>
            : <>No key? Somebody with an admin key makes one: <code>opsloop keys create NAME --scope read</code>.</>}
        </p>
      </div>
    </main>
  );
}
