/** Who is signed in, and what they may do. */

import { ApiError, csrfToken, get, send } from "./api.ts";
import { createStore } from "./store.ts";

export type Role = "viewer" | "operator" | "admin";

export interface Session {
  role: Role;
  scopes: string[];
  name: string;
  key_id: string;
  expires_at: string | null;
  csrf_token: string;
  sign_in: { key: boolean; oidc: boolean };
}

/** `undefined`: not known yet; null: nobody. */
export const session = createStore<Session | null | undefined>(undefined);
/** The ways of signing in that are offered. */
export const ways = createStore({ key: true, oidc: false });

const RANKS: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };

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
    session.set(null);
  }
}

/** Sign in with a key; raises ApiError if it opens nothing. */
export async function signIn(key: string): Promise<void> {
  begin(await send<Session>("POST", "/v1/session", { key: key.trim() }));
}

/** Sign out here and at the API. */
export async function signOut(): Promise<void> {
  await send("DELETE", "/v1/session");
  csrfToken.set("");
  session.set(null);
}

function begin(found: Session): void {
  csrfToken.set(found.csrf_token);
  ways.set(found.sign_in);
  session.set(found);
}
