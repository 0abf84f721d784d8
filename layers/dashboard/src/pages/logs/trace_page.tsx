/** A trace: all its lines over all services, in order, with how long after the first each came. */

import type { JSX } from "preact";

import { Button } from "../../components/controls.tsx";
import { Icon } from "../../components/icon.tsx";
import { Loaded, Panel, Told } from "../../components/panel.tsx";
import { get } from "../../lib/api.ts";
import { useTime } from "../../lib/clock.ts";
import { countText, millisText } from "../../lib/format.ts";
import { useQuery } from "../../lib/query.ts";
import { linkTo, useParameter } from "../../lib/router.ts";
import { HOUR, MINUTE, rangeText, timeText } from "../../lib/time.ts";
import type { Page, PageProps } from "../../shell/page.ts";
import { LineList, LineTools } from "./line_list.tsx";
import { clockText, offsetOf, visible } from "./lines.ts";
import "./logs.css";
import { bounded, traceIdOf } from "./question.ts";
import type { Line, TraceAnswer } from "./types.ts";

const MAX_DAYS = 7;
/** More lines may come for so long after one. */
const YOUNG_MS = 10 * MINUTE;
const WHY: Record<string, string> = { cold: "gone cold", missing: "gone", unreadable: "not readable", limit: "too many to read at once" };

function View({ parameters }: PageProps): JSX.Element {
  const given = parameters["trace"] ?? "";
  const id = traceIdOf(given);
  return (
    <div class="page logs">
      <header class="page-head">
        <div class="row">
          <a href={linkTo("/logs")}>Logs</a> <Icon name="right" size={12} />
          <h1 class="trace-title">Trace <bdi class="mono">{visible(given.slice(0, 64))}</bdi></h1>
          {id && <Button label="Copy the trace id" icon="copy" isIconOnly look="plain" onClick={() => void navigator.clipboard.writeText(id)} />}
        </div>
      </header>
      {id ? <Trace id={id} /> : (
        <Told icon="search" title="This is no trace id" height={240} action={<a class="button" href={linkTo("/logs")}>To the logs</a>}>
          A trace id has 32 digits from 0 to f.
        </Told>
      )}
    </div>
  );
}

function Trace({ id }: { id: string }): JSX.Element {
  const time = useTime();
  const [near, setNear] = useParameter("near");
  const moment = Date.parse(near);
  const isNear = !Number.isNaN(moment);
  const range = isNear
    ? { from: new Date(moment - HOUR).toISOString(), to: new Date(moment + HOUR).toISOString(), isCut: false }
    : bounded(time.from, time.to, MAX_DAYS);
  const isYoung = isNear && time.now - moment < YOUNG_MS; // reading it costs up to 300 objects, so old ones are read once
  const key = isNear ? `trace ${id} ${near}` : `trace ${id} ${time.range.from} ${time.range.to}`;
  const query = useQuery(key, (signal) => get<TraceAnswer>(`/v1/logs/trace/${id}`, { from: range.from, to: range.to }, signal), isYoung ? time.tick : 0);
  const span = rangeText({ from: "", to: "" }, { from: Date.parse(range.from), to: Date.parse(range.to) }, time.zone);
  const widen = isNear ? <Button label="Read the page's time instead" onClick={() => setNear("")} /> : undefined;
  return (
    <Loaded query={query} height={420}>
      {(answer) => (
        <>
          <Skipped answer={answer} zone={time.zone} />
          {answer.lines.length === 0 ? (
            <Panel title="Lines">
              <Told icon="log" title="No line of this trace was found" height={220} action={widen}>
                Read was {span}{range.isCut && `, the last ${MAX_DAYS} days of the range`}. {!isNear && "Choose another time above."}
              </Told>
            </Panel>
          ) : (
            <Found answer={answer} zone={time.zone} span={span} widen={widen} onReload={query.reload} isBusy={query.isRefreshing} />
          )}
        </>
      )}
    </Loaded>
  );
}

interface FoundProps {
  answer: TraceAnswer;
  zone: string;
  /** The time that was read. */
  span: string;
  widen: JSX.Element | undefined;
  onReload: () => void;
  isBusy: boolean;
}

function Found({ answer, zone, span, widen, onReload, isBusy }: FoundProps): JSX.Element {
  const first = answer.lines[0]?.time ?? "";
  const whole = Math.max(...answer.lines.map((one) => offsetOf(one.time, first)));
  const services = [...new Set(answer.lines.map((one) => one.service))];
  const lead = (line: Line): JSX.Element => <Offset line={line} first={first} whole={whole} zone={zone} />;
  return (
    <>
      <dl class="trace-facts panel">
        <div><dt>Began</dt><dd>{timeText(Date.parse(first), zone, "full")}</dd></div>
        <div><dt>From first to last line</dt><dd>{millisText(whole)}</dd></div>
        <div><dt>Lines</dt><dd>{countText(answer.lines.length)}</dd></div>
        <div>
          <dt>Services, in the order of their first line</dt>
          <dd class="row">{services.map((one) => <a key={one} href={linkTo(`/services/${encodeURIComponent(one)}`)}><bdi>{visible(one)}</bdi></a>)}</dd>
        </div>
      </dl>
      <Panel title="Lines" note="in order, with the time after the first" isFlush isBusy={isBusy} tools={
        <>
          <Button label="Read again" icon="refresh" look="plain" onClick={onReload} />
          <LineTools lines={answer.lines} name={`trace-${answer.trace_id.slice(0, 8)}`} />
        </>
      }>
        <LineList label="Lines of the trace, oldest first" lines={answer.lines} zone={zone} lead={lead} />
        <p class="lines-foot"><span>Read from where they were kept, {span}</span> {widen}</p>
      </Panel>
    </>
  );
}

function Offset({ line, first, whole, zone }: { line: Line; first: string; whole: number; zone: string }): JSX.Element {
  const offset = offsetOf(line.time, first);
  return (
    <span class="offset" title={clockText(line.time, zone)}>
      <span>+{millisText(offset)}</span>
      <span class="offset-track" aria-hidden="true"><span style={{ left: `${whole > 0 ? (offset / whole) * 100 : 0}%` }} /></span>
    </span>
  );
}

function Skipped({ answer, zone }: { answer: TraceAnswer; zone: string }): JSX.Element | null {
  if (answer.is_complete) return null;
  const reasons = new Map<string, number>();
  for (const one of answer.skipped) reasons.set(one.reason, (reasons.get(one.reason) ?? 0) + 1);
  const why = [...reasons].map(([reason, count]) => `${count} ${WHY[reason] ?? reason}`).join(", ");
  const left = `${countText(answer.objects_skipped)} of ${countText(answer.objects_listed)} objects that may hold some were not read (${why}).`;
  return (
    <section class="gaps" aria-label="What was not read">
      <h2><Icon name="warning" /> UNKNOWN: there may be more lines of this trace than are shown</h2>
      <ul>
        <li>{answer.objects_skipped > 0 ? left : "The time was too long to be read at once: choose less of it."}</li>
        {answer.skipped.slice(0, 3).map((one) => (
          <li key={one.key} class="quiet">
            <bdi>{visible(one.service)}</bdi>, {timeText(Date.parse(one.from), zone)} to {timeText(Date.parse(one.to), zone)}: {WHY[one.reason]}
          </li>
        ))}
      </ul>
    </section>
  );
}

export const logTrace: Page = {
  pattern: "/logs/trace/:trace",
  title: ({ trace }) => `Trace ${(trace ?? "").slice(0, 8)}`,
  view: View,
  under: "/logs",
};
