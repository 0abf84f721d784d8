/** Questions to opsloop's own API, on the same origin, with the session's cookie. */

import { createStore } from "./store.ts";

/** What the API says when it does not do what it was asked (RFC 9457), or that it could not be reached (status 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly title: string;
  readonly correlationId: string;
  readonly body: Record<string, unknown>;

  constructor(status: number, title: string, detail: string, body: Record<string, unknown> = {}) {
    super(detail);
    this.status = status;
    this.title = title;
    this.body = body;
    this.correlationId = String(body["correlation_id"] ?? "");
  }
}

/** What unsafe requests by cookie must show; the session sets it. */
export const csrfToken = createStore("");
/** Counts answers that say that nobody is signed in any more. */
export const refusals = createStore(0);

type Parameters = Record<string, string | number | boolean | undefined>;

/** Return the JSON document that GET `path` answers; raise ApiError. */
export function get<Answer>(path: string, parameters: Parameters = {}, signal?: AbortSignal): Promise<Answer> {
  return ask<Answer>("GET", addressOf(path, parameters), undefined, signal);
}

/** Send `document` (or nothing) by POST, DELETE or PUT, and return the JSON answer; raise ApiError. */
export function send<Answer>(method: "POST" | "DELETE" | "PUT", path: string, document?: unknown): Promise<Answer> {
  return ask<Answer>(method, path, document);
}

/** Return every page of a listing: `items` takes them out of an answer. At most `most` of them. */
export async function getAll<Answer extends { next?: string | null }, Item>(
  path: string,
  parameters: Parameters,
  items: (answer: Answer) => Item[],
  { signal, most = 5_000 }: { signal?: AbortSignal; most?: number } = {},
): Promise<Item[]> {
  const found: Item[] = [];
  let cursor: string | undefined;
  do {
    const answer: Answer = await get<Answer>(path, { ...parameters, cursor }, signal);
    found.push(...items(answer));
    cursor = answer.next ?? undefined;
  } while (cursor && found.length < most);
  return found;
}

/** Return `path` with its parameters; undefined and empty ones are left out. */
export function addressOf(path: string, parameters: Parameters): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined && value !== "") query.set(name, String(value));
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

async function ask<Answer>(method: string, address: string, document?: unknown, signal?: AbortSignal): Promise<Answer> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (method !== "GET") headers["x-csrf-token"] = csrfToken.get();
  if (document !== undefined) headers["content-type"] = "application/json";
  const body = document === undefined ? null : JSON.stringify(document);
  let answer: Response;
  try {
    answer = await fetch(address, { method, headers, body, credentials: "same-origin", ...(signal ? { signal } : {}) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "No answer", "opsloop's API could not be reached. Is the network up?");
  }
  if (answer.ok) return answer.status === 204 ? (undefined as Answer) : ((await answer.json()) as Answer);
  const problem = await problemOf(answer);
  if (answer.status !== 401 || address.startsWith("/v1/session")) throw problem;
  refusals.set(refusals.get() + 1);
  throw new ApiError(401, "Signed out", "your session has ended", problem.body); // the API speaks of keys in headers
}

async function problemOf(answer: Response): Promise<ApiError> {
  try {
    const body = (await answer.json()) as Record<string, unknown>;
    const detail = String(body["detail"] ?? body["message"] ?? answer.statusText);
    return new ApiError(answer.status, String(body["title"] ?? `HTTP ${answer.status}`), detail, body);
  } catch {
    return new ApiError(answer.status, `HTTP ${answer.status}`, "The answer was not one of opsloop's: something in between failed.");
  }
}
