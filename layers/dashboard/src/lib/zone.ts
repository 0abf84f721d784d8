/** Wall-clock fields (`2026-11-21T14:05`) in any time zone, there and back. */

import { zoneName } from "./time.ts";

/** Return `moment` (ms) as a datetime-local field shows it in `zone`. */
export function fieldOf(moment: number, zone: string): string {
  const parts = partsOf(moment, zone);
  const two = (part: number): string => String(part).padStart(2, "0");
  return `${parts.year}-${two(parts.month)}-${two(parts.day)}T${two(parts.hour)}:${two(parts.minute)}`;
}

/** Return the moment (ms) of a field in `zone`; NaN if it is none. A time that a clock change skips is the one after. */
export function momentOfField(text: string, zone: string): number {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text)) return Number.NaN;
  const asUtc = Date.parse(`${text.slice(0, 16)}:00Z`);
  let moment = asUtc;
  for (let round = 0; round < 3; round += 1) moment = asUtc - offsetOf(moment, zone);
  return moment;
}

/** Return how far clocks in `zone` are ahead of UTC at `moment`, in ms. */
export function offsetOf(moment: number, zone: string): number {
  const { year, month, day, hour, minute, second } = partsOf(moment, zone);
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(moment / 1_000) * 1_000;
}

function partsOf(moment: number, zone: string): Record<"year" | "month" | "day" | "hour" | "minute" | "second", number> {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: zoneName(zone), hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  });
  const parts = Object.fromEntries(format.formatToParts(moment).map((part) => [part.type, Number(part.value)]));
  return parts as Record<"year" | "month" | "day" | "hour" | "minute" | "second", number>;
}
