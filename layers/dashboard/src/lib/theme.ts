/** Light or dark: by the system's preference unless chosen here. */

import { createStore } from "./store.ts";

export type Theme = "system" | "light" | "dark";
const KEPT = "opsloop.theme";

export const theme = createStore<Theme>(read());
/** Changes whenever the colours on screen change; what is drawn on a canvas follows it. */
export const isDark = createStore(darkNow());

/** Choose a theme and remember it in this browser. */
export function chooseTheme(next: Theme): void {
  theme.set(next);
  if (next === "system") localStorage.removeItem(KEPT);
  else localStorage.setItem(KEPT, next);
  apply();
}

/** Put the theme on the page and follow the system's preference. */
export function startTheme(): void {
  apply();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
}

/** Return the value of a colour token, such as `--healthy`. */
export function colour(token: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(token).trim();
}

function read(): Theme {
  const kept = localStorage.getItem(KEPT);
  return kept === "light" || kept === "dark" ? kept : "system";
}

function darkNow(): boolean {
  return theme.get() === "dark" || (theme.get() === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
}

function apply(): void {
  const dark = darkNow();
  document.documentElement.dataset["theme"] = dark ? "dark" : "light";
  isDark.set(dark);
}
