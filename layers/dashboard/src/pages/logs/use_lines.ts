/** The lines of a search: the first page, older ones on demand, and new ones that wait until somebody wants them. */

import { useEffect, useRef, useState } from "preact/hooks";

import { ApiError, get } from "../../lib/api.ts";
import type { Time } from "../../lib/clock.ts";
import { useQuery } from "../../lib/query.ts";
import type { Query } from "../../lib/query.ts";
import { appended, MAX_LINES, renewed, unseen } from "./lines.ts";
import { bounded, filtersOf, MAX_SEARCH_DAYS } from "./question.ts";
import type { Asked } from "./question.ts";
import type { Line, LogPage } from "./types.ts";

const PAGE = 100;

export interface Lines {
  /** The first page, with counts; its `data` is the newest there is. */
  first: Query<LogPage>;
  lines: Line[];
  /** How many lines of the newest first page are not shown yet. */
  waiting: number;
  showWaiting: () => void;
  /** Where older lines stand: none, wanted on demand, under way, or more than a list holds. */
  older: "none" | "ready" | "asking" | "full";
  olderError: ApiError | undefined;
  askOlder: () => void;
}

interface Held {
  subject: string;
  lines: Line[];
  next: string | null;
  /** The parameters that the cursor belongs to. */
  asked: Record<string, string>;
}

const NOTHING: Held = { subject: "", lines: [], next: null, asked: {} };

/** Return what says that two searches are for the same, at most at another moment. */
export function subjectOf(asked: Asked, order: string, time: Time): string {
  return encodeURIComponent(JSON.stringify([asked, order, time.range.from, time.range.to]));
}

/**
 * Search whenever the question changes or the page refreshes. While `isReading()`, what is shown does not move: new
 * lines wait. `order` is newest, oldest or relevance.
 */
export function useLines(asked: Asked, order: string, time: Time, isReading: () => boolean): Lines {
  const subject = subjectOf(asked, order, time);
  const { from, to } = bounded(time.from, time.to, MAX_SEARCH_DAYS);
  const parameters = { ...filtersOf(asked), from, to, order, limit: String(PAGE) };
  const question = useRef(parameters);
  const ask = (signal: AbortSignal): Promise<LogPage> => {
    question.current = parameters;
    return get<LogPage>("/v1/logs", { ...parameters, include: "hits,counts" }, signal);
  };
  const first = useQuery<LogPage>(`lines ${subject}|${from} ${to}`, ask, time.tick);
  const [held, setHeld] = useState<Held>(NOTHING);
  const [waiting, setWaiting] = useState<LogPage | null>(null);
  const older = useOlder(held, setHeld);

  const take = (page: LogPage): void => {
    setHeld({ subject, lines: page.hits ?? [], next: page.next ?? null, asked: question.current });
    setWaiting(null);
    older.forget();
  };
  useEffect(() => {
    const page = first.data;
    if (!page) return;
    const isStill = held.subject === subject && held.lines.length > 0 && isReading();
    if (!isStill) take(page);
    else setWaiting(order === "newest" && unseen(held.lines, page.hits ?? []).length > 0 ? page : null);
  }, [first.data]);

  const showWaiting = (): void => {
    if (!waiting) return;
    const page = waiting.hits ?? [];
    const isApart = unseen(held.lines, page).length === page.length;
    if (isApart) take(waiting);
    else setHeld({ ...held, lines: renewed(held.lines, page) });
    setWaiting(null);
  };
  const isOurs = held.subject === subject;
  return {
    first,
    lines: isOurs ? held.lines : [],
    waiting: isOurs && waiting ? unseen(held.lines, waiting.hits ?? []).length : 0,
    showWaiting,
    older: isOurs ? older.standing : "none",
    olderError: older.error,
    askOlder: older.ask,
  };
}

interface Older {
  standing: Lines["older"];
  error: ApiError | undefined;
  ask: () => void;
  forget: () => void;
}

/** The page after those that are held, asked for by the parameters of the first: the cursor belongs to them. */
function useOlder(held: Held, setHeld: (change: (now: Held) => Held) => void): Older {
  const [isAsking, setIsAsking] = useState(false);
  const [error, setError] = useState<ApiError>();
  const isFull = held.lines.length >= MAX_LINES;
  const ask = (): void => {
    if (!held.next || isAsking || isFull) return;
    setIsAsking(true);
    setError(undefined);
    get<LogPage>("/v1/logs", { ...held.asked, cursor: held.next }).then(
      (page) => setHeld((now) => (now.next === held.next ? { ...now, lines: appended(now.lines, page.hits ?? []), next: page.next ?? null } : now)),
      (reason: unknown) => setError(reason instanceof ApiError ? reason : new ApiError(0, "The page failed", String(reason))),
    ).finally(() => setIsAsking(false));
  };
  const standing = !held.next ? "none" : isAsking ? "asking" : isFull ? "full" : "ready";
  return { standing, error, ask, forget: () => setError(undefined) };
}
