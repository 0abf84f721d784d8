/** Keys: `/` searches, `g` and a letter go to a page, `r` refreshes, `t` opens the time, `?` helps. */

import { refreshNow } from "../lib/clock.ts";
import { go, linkTo } from "../lib/router.ts";
import { createStore } from "../lib/store.ts";
import type { Page } from "./page.ts";

export const isHelpOpen = createStore(false);
const CHORD_MS = 1_200;

/** The keys that work everywhere, beside those of the pages. */
export const KEYS: ReadonlyArray<[string, string]> = [
  ["/", "Search"],
  ["r", "Refresh now"],
  ["t", "Choose the time"],
  ["?", "This help"],
  ["Esc", "Close what is open"],
];

/** Listen to the keys; typing in a field is left alone. */
export function startKeyboard(pages: Page[]): void {
  let chordUntil = 0;
  document.addEventListener("keydown", (event) => {
    const target = event.target as HTMLElement;
    if (event.metaKey || event.ctrlKey || event.altKey || event.isComposing) return;
    if (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName)) {
      if (event.key === "Escape") target.blur();
      return;
    }
    if (document.querySelector("dialog[open]")) return;
    if (event.timeStamp < chordUntil) {
      chordUntil = 0;
      const page = pages.find((one) => one.nav?.key === event.key);
      if (page) {
        event.preventDefault();
        go(linkTo(page.pattern));
        return;
      }
    }
    if (event.key === "g") chordUntil = event.timeStamp + CHORD_MS;
    else if (event.key === "/") focus(event, "#search");
    else if (event.key === "t") press(event, ".time-menu > button");
    else if (event.key === "r") refreshNow();
    else if (event.key === "?") isHelpOpen.set(true);
  });
}

function focus(event: KeyboardEvent, selector: string): void {
  event.preventDefault();
  document.querySelector<HTMLInputElement>(selector)?.focus();
}

function press(event: KeyboardEvent, selector: string): void {
  event.preventDefault();
  document.querySelector<HTMLButtonElement>(selector)?.click();
}
