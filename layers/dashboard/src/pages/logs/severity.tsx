/** How a line's severity is shown: a shape, a colour and a word. */

import type { JSX } from "preact";

import { WORDS } from "./severity.ts";
import type { SeverityName } from "./types.ts";

const SHAPES: Record<SeverityName, JSX.Element> = {
  fatal: <path d="M3.7 .8h4.6l2.9 2.9v4.6l-2.9 2.9H3.7L.8 8.3V3.7z M4 4l4 4 M8 4l-4 4" fill="currentColor" stroke="var(--surface)" stroke-width="1.3" />,
  error: <path d="M6 .8 11.2 6 6 11.2.8 6z" fill="currentColor" />,
  warn: <path d="M6 1.3 11.2 10.7H.8z" fill="currentColor" />,
  info: <circle cx="6" cy="6" r="3.4" fill="none" stroke="currentColor" stroke-width="1.6" />,
  debug: <rect x="3" y="3" width="6" height="6" fill="none" stroke="currentColor" stroke-width="1.4" />,
  trace: <circle cx="6" cy="6" r="1.7" fill="currentColor" />,
  unspecified: <path d="M2 6h8" stroke="currentColor" stroke-width="1.6" stroke-dasharray="2 1.5" />,
};

/** The shape alone. */
export function SeverityShape({ severity }: { severity: SeverityName }): JSX.Element {
  return (
    <svg class="severity-shape" width="12" height="12" viewBox="0 0 12 12" aria-hidden="true" focusable="false">
      {SHAPES[severity]}
    </svg>
  );
}

/** Shape and word. */
export function Severity({ severity }: { severity: SeverityName }): JSX.Element {
  return (
    <span class={`severity is-${severity}`}>
      <SeverityShape severity={severity} /> <span>{WORDS[severity]}</span>
    </span>
  );
}
