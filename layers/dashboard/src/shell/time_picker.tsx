/** The page's time: presets, absolute ranges, zones, and the automatic refresh. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Button, Menu } from "../components/controls.tsx";
import { isRefreshing, refreshNow, setRange, useTime } from "../lib/clock.ts";
import { setParameters } from "../lib/router.ts";
import { useStore } from "../lib/store.ts";
import { isoOf, MAX_DAYS, PRESETS, rangeText, spanOf } from "../lib/time.ts";
import { fieldOf, momentOfField } from "../lib/zone.ts";

const ZONES = ["local", "UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "Asia/Kolkata", "Asia/Tokyo", "Australia/Sydney"];

/** The picker, the refresh button and the pause button. */
export function TimePicker(): JSX.Element {
  const time = useTime();
  const automatic = useStore(isRefreshing);
  return (
    <>
      <Menu label={rangeText(time.range, time.span, time.zone)} icon="clock" class="time-menu">
        {(close) => (
          <>
            <div class="time-list" role="group" aria-label="Presets">
              {PRESETS.map((preset) => (
                <button
                  key={preset.label}
                  type="button"
                  class="menu-item"
                  aria-pressed={preset.range.from === time.range.from && preset.range.to === time.range.to}
                  onClick={() => { setRange(preset.range); close(); }}
                >
                  {preset.label}
                </button>
              ))}
            </div>
            <OwnRange onDone={close} />
          </>
        )}
      </Menu>
      <Button label={automatic && time.isLive ? "Refreshes every 30 s: pause" : "Refresh by itself"} icon={automatic && time.isLive ? "pause" : "play"} isIconOnly look="plain" disabled={!time.isLive} onClick={() => isRefreshing.set(!automatic)} />
      <Button label="Refresh now" icon="refresh" isIconOnly look="plain" onClick={refreshNow} />
    </>
  );
}

/** Two fields and a zone; nonsense is explained and not taken. */
function OwnRange({ onDone }: { onDone: () => void }): JSX.Element {
  const time = useTime();
  const [from, setFrom] = useState(fieldOf(time.span.from, time.zone));
  const [to, setTo] = useState(fieldOf(time.span.to, time.zone));
  const [error, setError] = useState("");
  const take = (event: Event): void => {
    event.preventDefault();
    const ends = [from, to].map((text) => momentOfField(text, time.zone));
    if (ends.some((end) => Number.isNaN(end))) return setError("Both ends need a date and a time.");
    const range = { from: isoOf(ends[0] ?? 0), to: isoOf(ends[1] ?? 0) };
    if (!spanOf(range, Date.now())) return setError(`The first must be before the second, at most ${MAX_DAYS} days.`);
    setRange(range);
    onDone();
  };
  return (
    <form class="time-own" onSubmit={take}>
      <label class="field">
        <span class="label">From</span>
        <input class="input" type="datetime-local" value={from} onInput={(event) => setFrom(event.currentTarget.value)} />
      </label>
      <label class="field">
        <span class="label">To (not included)</span>
        <input class="input" type="datetime-local" value={to} onInput={(event) => setTo(event.currentTarget.value)} />
      </label>
      <label class="field">
        <span class="label">Time zone</span>
        <select class="input" value={time.zone} onChange={(event) => setParameters({ tz: event.currentTarget.value === "local" ? undefined : event.currentTarget.value })}>
          {[...new Set([...ZONES, time.zone])].map((zone) => (
            <option key={zone} value={zone}>{zone === "local" ? "This browser's" : zone}</option>
          ))}
        </select>
      </label>
      {error && <p class="time-error" role="alert">{error}</p>}
      <button type="submit" class="button is-primary">Show this range</button>
    </form>
  );
}
