/** The patterns of the lines: what is said again and again, what is new, and how that went. */

import type { JSX } from "preact";

import { Sparkline } from "../../charts/sparkline.tsx";
import { Failure, Loaded, Panel, Told } from "../../components/panel.tsx";
import type { Condition } from "../../components/state.tsx";
import { ApiError, get, getAll } from "../../lib/api.ts";
import type { Time } from "../../lib/clock.ts";
import { countText, percentText, UNKNOWN_TEXT } from "../../lib/format.ts";
import { useQuery } from "../../lib/query.ts";
import type { Query } from "../../lib/query.ts";
import { setParameters } from "../../lib/router.ts";
import { agoText, durationText } from "../../lib/time.ts";
import type { Service } from "../../lib/types.ts";
import { oneLine, visible } from "./lines.ts";
import { holesOf, patternRows } from "./pattern_rows.ts";
import type { PatternRow } from "./pattern_rows.ts";
import { bounded } from "./question.ts";
import type { Asked } from "./question.ts";
import { Severity } from "./severity.tsx";
import type { LogPage, PatternsAnswer, SeverityName } from "./types.ts";

/** Histories are read for so many services, the busiest first, and for so many days. */
const MOST_SERVICES = 8;
const MAX_DAYS = 7;

interface Histories { answers: PatternsAnswer[]; left: number }

/** The patterns of what `asked` finds; where nothing can be searched, those of its service. */
export function PatternsView({ asked, time, found }: { asked: Asked; time: Time; found: Query<LogPage> }): JSX.Element {
  const isDown = found.error?.status === 503;
  const names = namesOf(asked, found, isDown);
  const { from, to, isCut } = bounded(time.from, time.to, MAX_DAYS);
  const histories = useQuery<Histories>(
    names === null ? "" : `patterns ${encodeURIComponent(names.join("\n"))}|${from} ${to}`,
    (signal) => historiesOf(names ?? [], { from, to, limit: 200 }, signal),
    time.tick,
  );
  if (found.error && !isDown && !found.data) return <Panel title="Patterns"><Failure error={found.error} onRetry={found.reload} /></Panel>;
  const isWhole = !asked.q && !asked.severity && !asked.pattern && !isCut;
  const top = isDown ? null : (found.data?.patterns ?? []);
  const total = Object.entries(found.data?.facets?.severities ?? {}).reduce((sum, [name, count]) => sum + (isAmong(asked, name) ? count : 0), 0);
  return (
    <Panel title="Patterns" isFlush isBusy={histories.isRefreshing || found.isRefreshing} note={noteOf(histories.data, isDown, isCut)}>
      <Loaded query={histories} height={320}>
        {({ answers }) => {
          const rows = patternRows(top, total, answers, isWhole);
          return rows.length === 0
            ? <Told icon="log" title="No patterns" height={200}>No line fits in this time.</Told>
            : <PatternList rows={rows} chosen={asked.pattern} now={time.now} />;
        }}
      </Loaded>
    </Panel>
  );
}

function isAmong(asked: Asked, severity: string): boolean {
  return !asked.severity || asked.severity.split(",").includes(severity);
}

/** Return the services whose histories are read: [""] stands for all that are known; null while that is not known. */
function namesOf(asked: Asked, found: Query<LogPage>, isDown: boolean): string[] | null {
  if (asked.service) return [asked.service];
  if (isDown) return [""];
  return found.data?.facets?.services.map((one) => one.service) ?? null;
}

async function historiesOf(names: string[], range: Record<string, string | number>, signal: AbortSignal): Promise<Histories> {
  const known = names[0] === ""
    ? (await getAll<{ services: Service[]; next: string | null }, Service>("/v1/services", { limit: 1_000 }, (page) => page.services, { signal })).map((one) => one.service)
    : names;
  const answers = await Promise.all(known.slice(0, MOST_SERVICES).map((service) => historyOf(service, range, signal)));
  return { answers: answers.filter((one) => one !== null), left: Math.max(0, known.length - MOST_SERVICES) };
}

/** Return the patterns of a service, or null of one that never sent logs. */
async function historyOf(service: string, range: Record<string, string | number>, signal: AbortSignal): Promise<PatternsAnswer | null> {
  try {
    return await get<PatternsAnswer>("/v1/logs/patterns", { ...range, service }, signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

function noteOf(histories: Histories | undefined, isDown: boolean, isCut: boolean): string {
  const parts: string[] = [];
  if (isDown) parts.push("the search is down: counts without words and severities");
  if (isCut) parts.push(`trends of the last ${MAX_DAYS} days`);
  if (histories && histories.left > 0) parts.push(`trends of the ${MOST_SERVICES} busiest services`);
  return parts.join("; ");
}

function PatternList({ rows, chosen, now }: { rows: PatternRow[]; chosen: string; now: number }): JSX.Element {
  return (
    <div class="patterns">
      <div class="pattern is-head" aria-hidden="true"><span>Severity</span><span>Pattern</span><span>Lines</span><span>Per hour</span><span>First seen</span></div>
      <ul aria-label="Patterns, most frequent first">
        {rows.map((row) => <li key={row.template}><Pattern row={row} isChosen={row.template === chosen} now={now} /></li>)}
      </ul>
    </div>
  );
}

function Pattern({ row, isChosen, now }: { row: PatternRow; isChosen: boolean; now: number }): JSX.Element {
  const filter = (): void => setParameters({ pattern: isChosen ? undefined : row.template, view: undefined, line: undefined });
  return (
    <button type="button" class="pattern" aria-pressed={isChosen} onClick={filter}>
      <span>{row.severity ? <Severity severity={row.severity} /> : <span class="quiet">{UNKNOWN_TEXT}</span>}</span>
      <span class="pattern-text">
        <bdi class="mono"><PatternText row={row} /></bdi>
        {row.services.length > 0 && <span class="quiet small"><bdi>{row.services.map(visible).join(", ")}</bdi></span>}
      </span>
      <span class="pattern-count number">
        <b>{countText(row.count)}</b><span class="only-read"> lines, </span> <span class="quiet small">{percentText(row.share)}</span>
        <span class="pattern-share" aria-hidden="true"><span style={{ width: `${Math.max(1, row.share * 100)}%` }} /></span>
      </span>
      <Trend row={row} />
      <FirstSeen row={row} now={now} />
    </button>
  );
}

function Trend({ row: { trend, severity } }: { row: PatternRow }): JSX.Element {
  if (!trend || trend.length < 2) return <span class="quiet">{UNKNOWN_TEXT}</span>;
  return <span><Sparkline label={`Lines per hour, at most ${Math.max(...trend)}`} values={trend} condition={conditionOf(severity)} /></span>;
}

function PatternText({ row }: { row: PatternRow }): JSX.Element {
  if (row.text === null) return <span class="quiet">Text not known any more ({row.template})</span>;
  return <>{holesOf(oneLine(row.text, 300)).map((one, index) => (one.isHole ? <span key={index} class="hole" title="Any value">∗</span> : one.text))}</>;
}

function FirstSeen({ row, now }: { row: PatternRow; now: number }): JSX.Element {
  if (row.firstSeen === null) return <span class="quiet">{UNKNOWN_TEXT}</span>;
  const at = Date.parse(row.firstSeen);
  if (row.isNew) return <span class="small"><span class="is-new">New</span> {agoText(at, now)}</span>;
  const isOld = now - at > 6.5 * 86_400_000;
  return <span class="small quiet">{isOld ? `more than ${durationText(Math.floor((now - at) / 86_400_000) * 86_400_000)} ago` : agoText(at, now)}</span>;
}

function conditionOf(severity: SeverityName | null): Condition {
  if (severity === "fatal" || severity === "error") return "anomalous";
  return severity === "warn" ? "degraded" : "healthy";
}
