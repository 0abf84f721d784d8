/** The browser's address as a store; changing it redraws, back and forward work. */

import { createStore, useStore } from "./store.ts";
import { changedQuery, hrefOf, placeOf } from "./url.ts";
import type { Place } from "./url.ts";

export const place = createStore<Place>(placeOf(window.location));

window.addEventListener("popstate", () => place.set(placeOf(window.location)));

/** Go to an address of ours; `replace` leaves no step for "back". */
export function go(href: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  const before = place.get().path;
  place.set(placeOf(window.location));
  if (place.get().path !== before) window.scrollTo(0, 0);
}

/** Change parameters of the present address. */
export function setParameters(changes: Record<string, string | undefined>, { replace = false } = {}): void {
  const { pathname } = window.location;
  const text = changedQuery(place.get().query, changes).toString();
  go(`${pathname}${text ? `?${text}` : ""}`, { replace });
}

/** Return the address of `path`, with the present time range carried along. */
export function linkTo(path: string, parameters: Record<string, string | undefined> = {}): string {
  return hrefOf(path, parameters, place.get().query);
}

/** Return one parameter of the address and how to set it; the default is never written into the address. */
export function useParameter(name: string, fallback = ""): [string, (value: string, options?: { replace?: boolean }) => void] {
  const { query } = useStore(place);
  const set = (value: string, options?: { replace?: boolean }): void =>
    setParameters({ [name]: value === fallback ? undefined : value }, options);
  return [query.get(name) ?? fallback, set];
}

/** Let plain clicks on links of ours change the address without loading the page again. */
export function interceptLinks(root: EventTarget): void {
  root.addEventListener("click", (event) => {
    const click = event as MouseEvent;
    if (click.defaultPrevented || click.button !== 0 || click.metaKey || click.ctrlKey || click.shiftKey || click.altKey) return;
    const link = (click.target as Element | null)?.closest("a[href]");
    if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
    if (link.origin !== window.location.origin || !link.pathname.startsWith("/console")) return;
    click.preventDefault();
    go(link.pathname + link.search + link.hash);
  });
}
