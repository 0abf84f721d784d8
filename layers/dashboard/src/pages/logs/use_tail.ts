/** Following lines as they come: one request is held open by the API, or all services are asked every few seconds. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { ApiError, get } from "../../lib/api.ts";
import { MINUTE, SECOND } from "../../lib/time.ts";
import { filtersOf } from "./question.ts";
import type { Asked } from "./question.ts";
import { arrived, EMPTY_TAIL, released, waitAfter } from "./tail.ts";
import type { TailLines } from "./tail.ts";
import type { Line, LogPage, TailAnswer } from "./types.ts";

/** How often all services are asked, and how late a line may become searchable and still be seen then. */
const POLL_MS = 4 * SECOND;
export const LATE_MS = 2 * MINUTE;
const FIRST_LINES = 50;
const POLL_LIMIT = 500;

export interface Tail extends TailLines {
  phase: "connecting" | "live" | "lost";
  error: ApiError | undefined;
  /** How many batches of the service were kept that are not searchable yet. */
  behind: number;
  isPaused: boolean;
  setPaused: (isPaused: boolean) => void;
  /** Put what waits on top. */
  release: () => void;
  clear: () => void;
}

interface Standing {
  phase: Tail["phase"];
  error: ApiError | undefined;
  behind: number;
}

/** Follow what `asked` names while `isOn`. While paused or `isReading()`, new lines wait. */
export function useTail(asked: Asked, isOn: boolean, isReading: () => boolean): Tail {
  const [held, setHeld] = useState<TailLines>(EMPTY_TAIL);
  const [standing, setStanding] = useState<Standing>({ phase: "connecting", error: undefined, behind: 0 });
  const [isPaused, setIsPaused] = useState(false);
  const holding = useRef<() => boolean>(() => false);
  holding.current = () => isPaused || isReading();
  const subject = JSON.stringify(asked);

  useEffect(() => {
    if (!isOn) return undefined;
    const controller = new AbortController();
    setHeld(EMPTY_TAIL);
    setStanding({ phase: "connecting", error: undefined, behind: 0 });
    const take = (hits: Line[], behind: number): void => {
      setStanding({ phase: "live", error: undefined, behind });
      setHeld((before) => arrived(before, hits, holding.current()));
    };
    const lose = (error: ApiError): void => setStanding({ phase: "lost", error, behind: 0 });
    void follow(asked.service ? oneService(asked) : allServices(asked), take, lose, controller.signal);
    return () => controller.abort();
  }, [subject, isOn]);

  const release = useCallback(() => setHeld((before) => released(before)), []);
  const setPaused = (next: boolean): void => {
    setIsPaused(next);
    if (!next && !isReading()) release();
  };
  return { ...held, ...standing, isPaused, setPaused, release, clear: () => setHeld({ ...EMPTY_TAIL }) };
}

type Ask = (signal: AbortSignal) => Promise<{ hits: Line[]; behind: number; pauseMs: number }>;

/** Ask until `signal` ends it. After a failure the same is asked again, so nothing in between is missed. */
async function follow(ask: Ask, take: (hits: Line[], behind: number) => void, lose: (error: ApiError) => void, signal: AbortSignal): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    let pauseMs = 0;
    try {
      await untilVisible(signal);
      const answer = await ask(signal);
      if (signal.aborted) return;
      failures = 0;
      pauseMs = answer.pauseMs;
      take(answer.hits, answer.behind);
    } catch (reason) {
      if (signal.aborted) return;
      failures += 1;
      pauseMs = waitAfter(failures);
      lose(reason instanceof ApiError ? reason : new ApiError(0, "The page failed", String(reason)));
    }
    await pause(pauseMs, signal);
  }
}

/** The API holds each request for up to 20 s, and its cursor knows what was told. */
function oneService(asked: Asked): Ask {
  let after: string | undefined;
  return async (signal) => {
    const place = after === undefined ? { lines: FIRST_LINES } : { after };
    const answer = await get<TailAnswer>("/v1/logs/tail", { ...filtersOf(asked), ...place }, signal);
    const isFirst = after === undefined;
    after = answer.after;
    const hits = isFirst ? [...answer.hits].sort((one, other) => (one.time < other.time ? -1 : 1)) : answer.hits;
    return { hits, behind: answer.steps_waiting, pauseMs: 0 };
  };
}

/** The last minutes are asked for again and again, what was told before is left out. */
function allServices(asked: Asked): Ask {
  let since = Date.now() - LATE_MS;
  return async (signal) => {
    const now = Date.now();
    const question = { ...filtersOf(asked), from: new Date(since).toISOString(), limit: POLL_LIMIT, include: "hits" };
    const page = await get<LogPage>("/v1/logs", question, signal);
    since = now - LATE_MS;
    return { hits: [...(page.hits ?? [])].reverse(), behind: page.incomplete.length, pauseMs: POLL_MS };
  };
}

function pause(length: number, signal: AbortSignal): Promise<void> {
  if (length === 0) return Promise.resolve();
  return new Promise((done) => {
    const timer = window.setTimeout(done, length);
    signal.addEventListener("abort", () => { window.clearTimeout(timer); done(); }, { once: true });
  });
}

function untilVisible(signal: AbortSignal): Promise<void> {
  if (document.visibilityState === "visible") return Promise.resolve();
  return new Promise((done) => {
    const look = (): void => {
      if (document.visibilityState !== "visible" && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      done();
    };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look, { once: true });
  });
}
