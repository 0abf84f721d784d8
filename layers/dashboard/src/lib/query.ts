/** Data for a component: asked for when its question changes and at each refresh; what is shown stays until it comes. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { ApiError } from "./api.ts";

export interface Query<Data> {
  /** The newest answer to this question, or to the one before while this one is under way. */
  data: Data | undefined;
  error: ApiError | undefined;
  /** Nothing to show yet. */
  isLoading: boolean;
  /** Something is shown, and newer data is on its way. */
  isRefreshing: boolean;
  reload: () => void;
}

interface Held<Data> {
  key: string;
  data: Data | undefined;
  error: ApiError | undefined;
}

/**
 * Ask by `ask` whenever `key` changes (what is asked) or `tick` moves on (ask the same again).
 *
 * The answer to another question is never shown for this one unless `keeps` says that `key` differs in time alone:
 * everything before the first "|" of both keys is equal. An empty key asks nothing.
 */
export function useQuery<Data>(key: string, ask: (signal: AbortSignal) => Promise<Data>, tick = 0): Query<Data> {
  const [held, setHeld] = useState<Held<Data>>({ key: "", data: undefined, error: undefined });
  const [isAsking, setIsAsking] = useState(key !== "");
  const [wish, setWish] = useState(0);
  const asking = useRef(ask);
  asking.current = ask;

  useEffect(() => {
    if (!key) return undefined;
    const controller = new AbortController();
    setIsAsking(true);
    asking.current(controller.signal).then(
      (data) => {
        if (controller.signal.aborted) return;
        setHeld({ key, data, error: undefined });
        setIsAsking(false);
      },
      (reason: unknown) => {
        if (controller.signal.aborted) return;
        const error = reason instanceof ApiError ? reason : new ApiError(0, "The page failed", String(reason));
        setHeld((before) => ({ key, data: isSameSubject(before.key, key) ? before.data : undefined, error }));
        setIsAsking(false);
      },
    );
    return () => controller.abort();
  }, [key, tick, wish]);

  const reload = useCallback(() => setWish((before) => before + 1), []);
  const isOurs = isSameSubject(held.key, key);
  const data = isOurs ? held.data : undefined;
  const error = held.key === key ? held.error : undefined;
  return { data, error, isLoading: Boolean(key) && !data && !error, isRefreshing: isAsking && data !== undefined, reload };
}

/** Return whether two keys ask about the same, at most at another time (what stands behind the first "|"). */
export function isSameSubject(one: string, other: string): boolean {
  return one.split("|", 1)[0] === other.split("|", 1)[0];
}
