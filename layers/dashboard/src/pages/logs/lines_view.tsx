/** The lines that fit: how many over time, and the lines themselves. */

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { Button } from "../../components/controls.tsx";
import { Icon } from "../../components/icon.tsx";
import { Panel, Skeleton } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { setRange } from "../../lib/clock.ts";
import type { Time } from "../../lib/clock.ts";
import { countText } from "../../lib/format.ts";
import { useParameter } from "../../lib/router.ts";
import { isoOf, rangeText, timeText } from "../../lib/time.ts";
import { sortedGaps } from "./gaps.ts";
import { Histogram } from "./histogram.tsx";
import { Incomplete } from "./incomplete.tsx";
import { LineList, LineTools } from "./line_list.tsx";
import { clockText, MAX_LINES, totalText } from "./lines.ts";
import { Newer } from "./newer.tsx";
import { Nothing } from "./nothing.tsx";
import { bounded, MAX_SEARCH_DAYS } from "./question.ts";
import type { Asked } from "./question.ts";
import { isReading, toTop } from "./reading.ts";
import { Refusal } from "./refusal.tsx";
import type { LogPage } from "./types.ts";
import { useLines } from "./use_lines.ts";
import type { Lines } from "./use_lines.ts";

const ORDERS: ReadonlyArray<[string, string]> = [["newest", "Newest first"], ["oldest", "Oldest first"], ["relevance", "Best match first"]];

/** Counts, lines, and what could not be searched. */
export function LinesView({ asked, time, services }: { asked: Asked; time: Time; services: string[] }): JSX.Element {
  const holder = useRef<HTMLDivElement>(null);
  const [chosen] = useParameter("order", "newest");
  const order = ORDERS.some(([one]) => one === chosen) ? chosen : "newest";
  const found = useLines(asked, order, time, () => isReading(holder.current));
  const { first } = found;
  const page = first.data;
  if (!page) return first.error ? <Panel title="Lines"><Refusal error={first.error} onRetry={first.reload} /></Panel> : <Awaited />;
  const { open, since } = sortedGaps(page.incomplete, page.to);
  return (
    <>
      <Incomplete gaps={open} zone={time.zone} services={services} />
      {page.counts && page.total !== 0 && (
        <Panel title="Over time" note={<RangeNote time={time} />} isBusy={first.isRefreshing}>
          <Histogram counts={page.counts} incomplete={page.incomplete} />
        </Panel>
      )}
      <div ref={holder} class="logs-lines">
        <Newer count={found.waiting} onShow={() => { found.showWaiting(); toTop(holder.current); }} />
        <Panel
          title="Lines"
          note={<Note page={page} since={since} zone={time.zone} />}
          isFlush
          isBusy={first.isRefreshing}
          tools={<><Order order={order} /><LineTools lines={found.lines} name="logs" /></>}
        >
          {first.error && (
            <p class="stale logs-stale" role="status">
              <Icon name="warning" /> <span>Not up to date: {first.error.message}</span> <Button label="Try again" look="plain" onClick={first.reload} />
            </p>
          )}
          {page.total === 0 && found.lines.length === 0 ? (
            <Nothing asked={asked} time={time} isComplete={page.incomplete.length === 0} />
          ) : (
            <LineList label={`Lines, ${order === "relevance" ? "best match" : order} first`} lines={found.lines} zone={time.zone} asked={asked} />
          )}
          <Older found={found} page={page} zone={time.zone} order={order} />
        </Panel>
      </div>
    </>
  );
}

function Awaited(): JSX.Element {
  return (
    <div class="stack" role="status">
      <span class="only-read">Searching</span>
      <Skeleton height={180} />
      <Skeleton height={420} />
    </div>
  );
}

/** How many lines there are, and from when on some may be missing because they are on their way. */
function Note({ page, since, zone }: { page: LogPage; since: number | null; zone: string }): JSX.Element {
  return (
    <span class="row">
      {totalText(page)}
      {since !== null && (
        <span title="The newest lines are kept and on their way into the search; they are found within a minute.">
          <StateBadge condition="unknown" text={`UNKNOWN since ${timeText(since, zone, "second")}`} />
          <span class="only-read">: the newest lines are on their way</span>
        </span>
      )}
    </span>
  );
}

function RangeNote({ time }: { time: Time }): JSX.Element {
  const { isCut } = bounded(time.from, time.to, MAX_SEARCH_DAYS);
  return isCut ? <span>the last {MAX_SEARCH_DAYS} days of the range: a search takes no more</span> : <span>{rangeText(time.range, time.span, time.zone)}</span>;
}

function Order({ order }: { order: string }): JSX.Element {
  const [, setOrder] = useParameter("order", "newest");
  return (
    <select class="input logs-order" aria-label="Order of the lines" value={order} onChange={(event) => setOrder(event.currentTarget.value)}>
      {ORDERS.map(([id, label]) => <option key={id} value={id}>{label}</option>)}
    </select>
  );
}

/** The foot of the list: how far it goes, and older lines, which come by themselves when it is scrolled to. */
function Older({ found, page, zone, order }: { found: Lines; page: LogPage; zone: string; order: string }): JSX.Element | null {
  const foot = useRef<HTMLDivElement>(null);
  const ask = useRef(found.askOlder);
  ask.current = found.askOlder;
  const isAutomatic = found.older === "ready" && !found.olderError;
  useEffect(() => {
    const { current } = foot;
    if (!current || !isAutomatic) return undefined;
    const observer = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && ask.current(), { rootMargin: "600px" });
    observer.observe(current);
    return () => observer.disconnect();
  }, [isAutomatic, found.lines.length]);
  const { lines } = found;
  const last = lines[lines.length - 1];
  if (!last) return null;
  const word = order === "oldest" ? "Later lines" : order === "newest" ? "Older lines" : "More lines";
  const before = { from: isoOf(Date.parse(page.from)), to: isoOf(Date.parse(last.time) + 1_000) };
  return (
    <div class="lines-foot" ref={foot}>
      <span role="status">
        {found.older === "none" ? `All ${countText(lines.length)} are shown` : `${countText(lines.length)} of ${totalText(page)} are shown`}
      </span>
      {found.olderError && <span class="time-error" role="alert">{found.olderError.message}</span>}
      {found.older === "ready" && <Button label={word} onClick={found.askOlder} />}
      {found.older === "asking" && <Button label="Loading" disabled />}
      {found.older === "full" && <span>A list holds {countText(MAX_LINES)} lines at most.</span>}
      {found.older === "full" && order === "newest" && <Button label={`Go on before ${clockText(last.time, zone, true)}`} onClick={() => setRange(before)} />}
    </div>
  );
}
