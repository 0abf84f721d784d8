/** Signing in, in words: the key in what was pasted, and why somebody was not let in. */

const TOKEN = /opsloop_[0-9a-f]{12}_[0-9a-f]{64}(?![0-9a-z_])/;

/** Why the identity provider's way in ended, as the address says it (`sign_in=`). */
const REASONS: Record<string, string> = {
  refused: "Your organisation's sign-in was cancelled or refused.",
  no_role: "Your organisation knows you, but gives you no role in opsloop. Ask whoever runs opsloop here.",
  expired: "That sign-in took longer than ten minutes, or was begun in another browser. Try again.",
  too_many: "Too many attempts from your network. Try again in a minute.",
  unavailable: "Your organisation's sign-in does not answer. A key works in the meantime.",
  failed: "Your organisation's sign-in failed. The log of opsloop says why; a key works in the meantime.",
};

/** Return the key in pasted text, such as a whole line that `make run` printed; the trimmed text if there is none. */
export function keyIn(text: string): string {
  return TOKEN.exec(text)?.[0] ?? text.trim();
}

/** Return why the way by the identity provider ended; empty where the address says nothing. */
export function reasonText(reason: string): string {
  if (!reason) return "";
  return REASONS[reason] ?? REASONS["failed"] ?? "";
}

/** Return what to tell somebody whose key opened nothing. `status` 0: the API could not be reached. */
export function refusalText(status: number, detail: string): string {
  if (status === 401 || status === 403) return `Refused: ${detail}.`;
  if (status === 429) return `Too many attempts: ${detail}.`;
  if (status === 0) return detail;
  if (status >= 500) return `opsloop could not look at the key (${status}). It says nothing of the key; try again.`;
  return `${detail} (${status})`;
}

/** Return the console's address to come back to: `path` and `search` without what only signing in needs. */
export function placeToComeBack(path: string, search: string): string {
  const query = new URLSearchParams(search);
  query.delete("sign_in");
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}
