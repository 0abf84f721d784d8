/** Nothing was found: which filter to loosen, and how many lines each way would give. */

import type { JSX } from "preact";

import { Told } from "../../components/panel.tsx";
import { get } from "../../lib/api.ts";
import { setRange } from "../../lib/clock.ts";
import type { Time } from "../../lib/clock.ts";
import { useQuery } from "../../lib/query.ts";
import { setParameters } from "../../lib/router.ts";
import { DAY, rangeText } from "../../lib/time.ts";
import { oneLine, totalText } from "./lines.ts";
import { bounded, filtersOf, looseningsOf, MAX_SEARCH_DAYS } from "./question.ts";
import type { Asked } from "./question.ts";
import type { LogPage } from "./types.ts";

/** The empty state of a search. `isComplete`: everything that was asked for could be searched. */
export function Nothing({ asked, time, isComplete }: { asked: Asked; time: Time; isComplete: boolean }): JSX.Element {
  const ways = looseningsOf(asked);
  const range = bounded(time.from, time.to, MAX_SEARCH_DAYS);
  const ask = (one: Asked, from: string, signal: AbortSignal): Promise<string> =>
    get<LogPage>("/v1/logs", { ...filtersOf(one), from, to: range.to, limit: 1, include: "hits" }, signal).then(totalText);
  const week = new Date(Date.parse(range.to) - 7 * DAY).toISOString();
  const isShort = Date.parse(range.from) > Date.parse(week);
  const totals = useQuery(`loosened ${encodeURIComponent(JSON.stringify(asked))}|${range.from}`, (signal) =>
    Promise.all([...ways.map((one) => ask(one.asked, range.from, signal)), ...(isShort ? [ask(asked, week, signal)] : [])]));
  const way = (label: string, index: number, act: () => void): JSX.Element => (
    <button key={label} type="button" class="button" onClick={act}>
      <bdi>{oneLine(label, 60)}</bdi> {totals.data && <span class="number">{totals.data[index]}<span class="only-read"> lines</span></span>}
    </button>
  );
  const span = { from: Date.parse(range.from), to: Date.parse(range.to) };
  const told = range.isCut
    ? `${rangeText({ from: "", to: "" }, span, time.zone)}: a search takes ${MAX_SEARCH_DAYS} days at most.`
    : `${rangeText(time.range, time.span, time.zone)}.`;
  const advice = ways.length > 0 ? "Loosen one of the filters, or look at more time; how many lines that gives stands beside it." : "Nothing sent logs in this time.";
  return (
    <Told icon="log" title={isComplete ? "No line fits" : "No line fits of those that could be searched"} height={240} action={
      <div class="loosen">
        {ways.map(({ label, changes }, index) => way(label, index, () => setParameters(changes)))}
        {isShort && way("7 days", ways.length, () => setRange({ from: "now-7d", to: "now" }))}
      </div>
    }>
      {told} {advice}
    </Told>
  );
}
