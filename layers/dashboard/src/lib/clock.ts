/** The time that a page shows: range and zone from the URL, and the ticks of the automatic refresh. */

import { useEffect, useMemo, useState } from "preact/hooks";

import { place, setParameters } from "./router.ts";
import { createStore, useStore } from "./store.ts";
import { aligned, DEFAULT_RANGE, isLive, isZone, SECOND, spanOf, stepOf } from "./time.ts";
import type { Span, TimeRange } from "./time.ts";

export const REFRESH_S = 30;

/** Counts refreshes, automatic ones and those that people ask for; `at` is the time of the last one in ms. */
export const refresh = createStore({ tick: 0, at: Date.now() });
/** Whether the page refreshes by itself. */
export const isRefreshing = createStore(true);

/** Ask everything on the page again. */
export function refreshNow(): void {
  refresh.set({ tick: refresh.get().tick + 1, at: Date.now() });
}

/** Refresh every REFRESH_S seconds while the page is visible and its range follows the clock. */
export function startRefreshing(): void {
  window.setInterval(() => {
    const range = rangeOf(place.get().query);
    if (isRefreshing.get() && isLive(range) && document.visibilityState === "visible") refreshNow();
  }, REFRESH_S * SECOND);
  document.addEventListener("visibilitychange", () => {
    const isStale = Date.now() - refresh.get().at > REFRESH_S * SECOND;
    if (document.visibilityState === "visible" && isStale && isRefreshing.get()) refreshNow();
  });
}

export interface Time {
  range: TimeRange;
  /** The range now, in ms, its ends on whole steps. */
  span: Span;
  /** Seconds per point of a chart. */
  step: number;
  zone: string;
  tick: number;
  now: number;
  isLive: boolean;
  /** For keys of `useQuery`: changes with the span. */
  key: string;
  /** ISO ends, as the API takes them. */
  from: string;
  to: string;
}

/** Return the page's time; components that use it are drawn again at each refresh. */
export function useTime(): Time {
  const { query } = useStore(place);
  const { tick, at } = useStore(refresh);
  const from = query.get("from") ?? "";
  const to = query.get("to") ?? "";
  const zone = zoneOf(query);
  return useMemo(() => {
    const range = rangeOf(query);
    const raw = spanOf(range, at) ?? { from: at - 1, to: at };
    const step = stepOf(raw);
    const span = aligned(raw, step);
    const ends = { from: new Date(span.from).toISOString(), to: new Date(Math.min(span.to, Math.max(at, span.from + 1))).toISOString() };
    return { range, span, step, zone, tick, now: at, isLive: isLive(range), key: `${span.from}-${span.to}/${step}`, ...ends };
  }, [from, to, zone, tick]);
}

/** Return the range that the address names, or the default where it names none or nonsense. */
export function rangeOf(query: URLSearchParams): TimeRange {
  const range = { from: query.get("from") ?? DEFAULT_RANGE.from, to: query.get("to") ?? DEFAULT_RANGE.to };
  return spanOf(range, Date.now()) ? range : DEFAULT_RANGE;
}

/** Show another range; a step for "back". */
export function setRange(range: TimeRange): void {
  const isDefault = range.from === DEFAULT_RANGE.from && range.to === DEFAULT_RANGE.to;
  setParameters(isDefault ? { from: undefined, to: undefined } : { from: range.from, to: range.to });
}

/** Return the zone of the address: a name, or `local`. */
export function zoneOf(query: URLSearchParams): string {
  const zone = query.get("tz") ?? "local";
  return isZone(zone) ? zone : "local";
}

/** Return the present moment, drawn again every `seconds`. */
export function useNow(seconds = 10): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), seconds * SECOND);
    return () => window.clearInterval(timer);
  }, [seconds]);
  return now;
}
