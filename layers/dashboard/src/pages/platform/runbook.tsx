/** Where the page lies that says what to do. */

import type { JSX } from "preact";

import type { Platform } from "./types.ts";
import { runbookAddress } from "./words.ts";

/** A link to a runbook where it is on the web, its place in the repository elsewhere. */
export function Runbook({ platform, name }: { platform: Platform; name: string }): JSX.Element {
  const address = runbookAddress(platform, name);
  if (!address) return <code class="small" title="In opsloop's repository">docs/runbooks/{name}.md</code>;
  return <a href={address} target="_blank" rel="noreferrer">{name}</a>;
}
