/** Our icons: strokes on a 16-unit square, drawn for this console. */

import type { JSX } from "preact";

const PATHS = {
  overview: "M2.5 2.5h4.5v4.5h-4.5z M9 2.5h4.5v4.5H9z M2.5 9h4.5v4.5h-4.5z M9 9h4.5v4.5H9z",
  service: "M3 4h10v3.5H3z M3 8.5h10V12H3z M5 5.8h.1 M5 10.2h.1",
  map: "M3.5 8a1.5 1.5 0 1 0 0-.1z M12.5 4a1.5 1.5 0 1 0 0-.1z M12.5 12a1.5 1.5 0 1 0 0-.1z M5 7.3l5-2.6 M5 8.7l5 2.6",
  anomaly: "M1.5 10.5h3l1.5-2 2-6 2.5 9 1.2-3H14.5",
  log: "M3 3.5h10 M3 6.5h7 M3 9.5h9 M3 12.5h5",
  backup: "M3 4.2a5 1.9 0 1 0 10 0a5 1.9 0 1 0 -10 0z M3 4.2v7.6a5 1.9 0 0 0 10 0V4.2 M3 8a5 1.9 0 0 0 10 0",
  platform: "M8 2.2l5 2.9v5.8l-5 2.9-5-2.9V5.1z M8 8l5-2.9 M8 8L3 5.1 M8 8v5.8",
  search: "M7 2.8a4.2 4.2 0 1 0 .1 0z M10.2 10.2l3.3 3.3",
  refresh: "M13 8a5 5 0 1 1-1.6-3.7 M13.2 2.3v2.6h-2.6",
  pause: "M5.5 3.5v9 M10.5 3.5v9",
  clock: "M8 2.5a5.5 5.5 0 1 0 .1 0z M8 5v3.2l2.2 1.4",
  close: "M4 4l8 8 M12 4l-8 8",
  copy: "M5.5 5.5h7v7h-7z M3.5 10.5v-7h7",
  download: "M8 2.5v7.5 M4.8 7L8 10.2 11.2 7 M3 13.3h10",
  user: "M8 3a2.5 2.5 0 1 0 .1 0z M3.2 13.2c.6-2.6 2.4-4 4.8-4s4.2 1.4 4.8 4",
  sun: "M8 5.2a2.8 2.8 0 1 0 .1 0z M8 1.5v1.6 M8 12.9v1.6 M1.5 8h1.6 M12.9 8h1.6 M3.4 3.4l1.1 1.1 M11.5 11.5l1.1 1.1 M3.4 12.6l1.1-1.1 M11.5 4.5l1.1-1.1",
  moon: "M13 9.6A5.5 5.5 0 0 1 6.4 3 5.5 5.5 0 1 0 13 9.6z",
  help: "M8 2.2a5.8 5.8 0 1 0 .1 0z M6.3 6.4c.1-2.4 3.6-2.2 3.5-.1 0 1.4-1.8 1.4-1.8 2.8 M8 11.4h.1",
  right: "M6 3.5L10.5 8 6 12.5",
  down: "M3.5 6L8 10.5 12.5 6",
  up: "M3.5 10L8 5.5l4.5 4.5",
  more: "M3.5 8h.1 M8 8h.1 M12.5 8h.1",
  check: "M3 8.5l3.3 3.3L13 4.8",
  warning: "M8 2.3l6 10.9H2z M8 6.3v3.4 M8 11.5h.1",
  link: "M6.7 9.3a2.6 2.6 0 0 0 3.7 0l2.2-2.2a2.6 2.6 0 0 0-3.7-3.7l-.9.9 M9.3 6.7a2.6 2.6 0 0 0-3.7 0L3.4 8.9a2.6 2.6 0 0 0 3.7 3.7l.9-.9",
  filter: "M2.5 3.5h11L9.5 8.4v4.2l-3-1.5V8.4z",
  play: "M4.5 3l8 5-8 5z",
} as const;

export type IconName = keyof typeof PATHS;

/** One icon, hidden from screen readers: the text or label beside it says the same. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }): JSX.Element {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
