/** Who is signed in, and what they may do. The key itself is never kept: the session is in a cookie that no script reads. */

import { ApiError, csrfToken, get, send } from "./api.ts";
import { keyIn } from "./session_key.ts";
import { createStore } from "./store.ts";

export type Role = "viewer" | "operator" | "admin";

export interface Session {
  role: Role;
  scopes: string[];
  name: string;
  key_id: string;
  expires_at: string | null;
  csrf_token: string | null;
  sign_in: { key: boolean; oidc: boolean };
}

/** `undefined`: not known yet; null: nobody. */
export const session = createStore<Session | null | undefined>(undefined);
/** The session ended while the page was open: what is on the screen stays until somebody signs in again. */
export const hasEnded = createStore(false);
/** The ways of signing in that are offered. */
export const ways = createStore({ key: true, oidc: false });

const RANKS: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };
const LONGEST_TIMER_MS = 2_147_483_647;
const LEAST_MS = 60_000; // the API's clock decides: where this browser's is ahead, it is asked once a minute
let ending: number | undefined;

/** Return whether who is signed in has at least this role. */
export function may(role: Role, who: Session | null | undefined = session.get()): boolean {
  return Boolean(who) && RANKS[(who as Session).role] >= RANKS[role];
}

/** Ask who is signed in. Raises ApiError when that cannot be found out. */
export async function findSession(): Promise<void> {
  try {
    begin(await get<Session>("/v1/session"));
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error;
    const told = error.body["sign_in"] as { key: boolean; oidc: boolean } | undefined;
    if (told) ways.set(told);
    if (session.get()) hasEnded.set(true);
    else session.set(null);
  }
}

/** Sign in with a key; raises ApiError if it opens nothing. */
export async function signIn(text: string): Promise<void> {
  begin(await send<Session>("POST", "/v1/session", { key: keyIn(text) }));
}

/** Sign out here and at the API; raises ApiError where the API could not be told, and nothing changes then. */
export async function signOut(): Promise<void> {
  try {
    await send("DELETE", "/v1/session");
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error; // 401: it was over already
  }
  leave();
}

/** Show nothing more of what was there. */
export function leave(): void {
  window.clearTimeout(ending);
  csrfToken.set("");
  hasEnded.set(false);
  session.set(null);
}

function begin(found: Session): void {
  csrfToken.set(found.csrf_token ?? "");
  ways.set(found.sign_in);
  session.set(found);
  hasEnded.set(false);
  window.clearTimeout(ending);
  if (!found.expires_at) return;
  const leftMs = Math.max(LEAST_MS, Date.parse(found.expires_at) - Date.now());
  if (leftMs < LONGEST_TIMER_MS) ending = window.setTimeout(() => void findSession().catch(() => undefined), leftMs);
}
