/** Our mark and name. */

import type { JSX } from "preact";

import { linkTo } from "../lib/router.ts";

/** The mark: a loop that closes. */
export function Brand(): JSX.Element {
  return (
    <a class="brand" href={linkTo("/")}>
      <svg width="22" height="22" viewBox="0 0 22 22" aria-hidden="true" fill="none" stroke="var(--accent)" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round">
        <path d="M11 3a8 8 0 1 1-7.6 5.4" />
        <path d="M1.6 5.4 3.6 9l3.7-1.6" />
        <circle cx="11" cy="11" r="2" fill="var(--accent)" stroke="none" />
      </svg>
      opsloop
    </a>
  );
}
