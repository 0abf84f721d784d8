/** The lines of a search: the first page, older ones on demand, and new ones that wait until somebody wants them. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

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
export function useLines(asked: Asked, order: string, time: Time, isReading: () => boolean, isOn: boolean): Lines {
  const subject = subjectOf(asked, order, time);
  const { from, to } = bounded(time.from, time.to, MAX_SEARCH_DAYS);
  const parameters = { ...filtersOf(asked), from, to, order, limit: String(PAGE) };
  const question = useRef(parameters);
  const first = useQuery<LogPage>(
    isOn ? `lines ${subject}|${from} ${to}` : "",
    (signal) => {
      question.current = parameters;
      return get<LogPage>("/v1/logs", { ...parameters, include: "hits,counts" }, signal);
    },
    time.tick,
  );
  const [held, setHeld] = useState<Held>(NOTHING);
  const [waiting, setWaiting] = useState<LogPage | null>(null);
  const [isAsking, setIsAsking] = useState(false);
  const [olderError, setOlderError] = useState<ApiError>();

  useEffect(() => {
    const page = first.data;
    if (!page) return;
    const isSame = held.subject === subject;
    if (isSame && held.lines.length > 0 && isReading()) {
      setWaiting(order === "newest" && unseen(held.lines, page.hits ?? []).length > 0 ? page : null);
      return;
    }
    take(page);
  }, [first.data]);

  function take(page: LogPage): void {
    setHeld({ subject, lines: page.hits ?? [], next: page.next ?? null, asked: question.current });
    setWaiting(null);
    setOlderError(undefined);
  }

  const showWaiting = useCallback(() => {
    if (!waiting) return;
    const lines = renewed(held.lines, waiting.hits ?? []);
    const isWhole = lines.length === (waiting.hits ?? []).length && lines[0] === waiting.hits?.[0] && lines.length < held.lines.length;
    if (isWhole) take(waiting);
    else setHeld({ ...held, lines });
    setWaiting(null);
  }, [waiting, held]);

  const askOlder = useCallback(() => {
    if (!held.next || isAsking || held.lines.length >= MAX_LINES) return;
    setIsAsking(true);
    setOlderError(undefined);
    get<LogPage>("/v1/logs", { ...held.asked, cursor: held.next }).then(
      (page) => {
        setHeld((now) => (now.next === held.next ? { ...now, lines: appended(now.lines, page.hits ?? []), next: page.next ?? null } : now));
        setIsAsking(false);
      },
      (reason: unknown) => {
        setOlderError(reason instanceof ApiError ? reason : new ApiError(0, "The page failed", String(reason)));
        setIsAsking(false);
      },
    );
  }, [held, isAsking]);

  const isOurs = held.subject === subject;
  const lines = isOurs ? held.lines : [];
  const full = lines.length >= MAX_LINES ? "full" : "ready";
  return {
    first,
    lines,
    waiting: isOurs && waiting ? unseen(held.lines, waiting.hits ?? []).length : 0,
    showWaiting,
    older: !isOurs || !held.next ? "none" : isAsking ? "asking" : full,
    olderError,
    askOlder,
  };
}
