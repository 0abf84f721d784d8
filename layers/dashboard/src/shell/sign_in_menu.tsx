/** Who is signed in, as what, until when; and out. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Menu } from "../components/controls.tsx";
import { useTime } from "../lib/clock.ts";
import { session, signOut } from "../lib/session.ts";
import { useStore } from "../lib/store.ts";
import { timeText } from "../lib/time.ts";
import "./sign_in.css";

const MAY: Record<string, string> = {
  viewer: "sees everything, changes nothing",
  operator: "sees everything; feedback, replays, resends, restores",
  admin: "everything, keys included",
};

/** The menu at the right end of the frame. */
export function SessionMenu(): JSX.Element {
  const who = useStore(session);
  const { zone } = useTime();
  const [error, setError] = useState("");
  const leave = (): void => {
    setError("");
    signOut().catch((reason: unknown) => setError(reason instanceof Error ? reason.message : String(reason)));
  };
  return (
    <Menu label="Account" icon="user" isIconOnly>
      {() => (
        <>
          <dl class="session-facts">
            <dt class="only-read">Signed in as</dt><dd class="session-name">{who?.name ?? ""}</dd>
            <dt>Role</dt><dd><strong>{who?.role ?? ""}</strong><span class="quiet">: {MAY[who?.role ?? ""] ?? ""}</span></dd>
            {who?.expires_at && <><dt>Until</dt><dd>{timeText(Date.parse(who.expires_at), zone)}</dd></>}
          </dl>
          {error && <p class="sign-in-told" role="alert">Not signed out: {error}</p>}
          <button type="button" class="menu-item" onClick={leave}>Sign out</button>
        </>
      )}
    </Menu>
  );
}
