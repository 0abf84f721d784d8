/** One anomaly: what happened in words, its course, who is behind it and who follows, and what one does next. */

import type { JSX } from "preact";

import { Icon } from "../../components/icon.tsx";
import { Loaded } from "../../components/panel.tsx";
import { SeverityBadge } from "../../components/severity_badge.tsx";
import { anomalyValue, stretchOf, timesText, titleOf } from "../../lib/anomaly.ts";
import { get } from "../../lib/api.ts";
import { useTime } from "../../lib/clock.ts";
import { useQuery } from "../../lib/query.ts";
import type { Query } from "../../lib/query.ts";
import { linkTo } from "../../lib/router.ts";
import { agoText, durationText, MINUTE, timeText } from "../../lib/time.ts";
import type { Page, PageProps } from "../../shell/page.ts";
import "./anomaly.css";
import { DeliveriesPanel } from "./deliveries.tsx";
import { FeedbackPanel } from "./feedback.tsx";
import { MadeOfPanel } from "./made_of.tsx";
import { onwardOf } from "./onward.ts";
import { RelationsPanel } from "./relations.tsx";
import { SeriesPanel } from "./series_panel.tsx";
import type { AnomalyDetail } from "./types.ts";
import { VotesPanel } from "./votes_panel.tsx";

/** The band needs the days before to be read: it is asked for once, and again with each new bucket of what goes on. */
const BUCKET = 5 * MINUTE;

function View({ parameters }: PageProps): JSX.Element {
  const time = useTime();
  const id = parameters["id"] ?? "";
  const path = `/v1/anomalies/${encodeURIComponent(id)}`;
  const quick = useQuery(`anomaly ${id}`, (signal) => get<AnomalyDetail>(path, { band: "no" }, signal), time.tick);
  const bucket = quick.data?.state === "open" ? Math.floor(time.now / BUCKET) : 0;
  const whole = useQuery(`anomaly band ${id}|${bucket}`, (signal) => get<AnomalyDetail>(path, {}, signal));
  const shown: Query<AnomalyDetail> = quick.data && whole.data ? { ...quick, data: { ...quick.data, series: whole.data.series } } : quick.error ? whole : quick;
  return (
    <div class="page">
      <nav aria-label="Way" class="way"><a href={linkTo("/anomalies")}>Anomalies</a> <Icon name="right" size={12} /> <span class="quiet">{id}</span></nav>
      {!shown.data && <h1 class="only-read">Anomaly</h1>}
      <Loaded query={shown} height={420}>
        {(one) => <Whole one={one} isWaiting={!whole.data && !whole.error} onSaid={quick.error ? whole.reload : quick.reload} />}
      </Loaded>
    </div>
  );
}

function Whole({ one, isWaiting, onSaid }: { one: AnomalyDetail; isWaiting: boolean; onSaid: () => void }): JSX.Element {
  const { now, zone, tick } = useTime();
  const told = <DeliveriesPanel one={one} tick={tick} zone={zone} />;
  const hasMany = one.effects.length > 2;
  return (
    <>
      <Head one={one} now={now} zone={zone} />
      <Facts one={one} now={now} zone={zone} />
      <SeriesPanel one={one} isWaiting={isWaiting} />
      <div class="grid-2">
        <div class="stack">
          <RelationsPanel one={one} />
          <MadeOfPanel one={one} />
          {!hasMany && told}
        </div>
        <div class="stack">
          <VotesPanel one={one} />
          {hasMany && told}
          <FeedbackPanel one={one} zone={zone} onSaid={onSaid} />
        </div>
      </div>
    </>
  );
}

interface PartProps {
  one: AnomalyDetail;
  now: number;
  zone: string;
}

function Head({ one, now }: PartProps): JSX.Element {
  const parts: Record<AnomalyDetail["part"], string> = { origin: "Origin of others", effect: "Effect", alone: "" };
  return (
    <header class="anomaly-head">
      <div class="row">
        <SeverityBadge one={one} />
        <strong class="small">{one.state === "open" ? "Goes on" : "Ended"}</strong>
        {parts[one.part] && <span class="quiet small">{parts[one.part]}</span>}
      </div>
      <h1>{titleOf(one)}</h1>
      <p class="anomaly-sentence">{one.reason}</p>
      <div class="row">
        {onwardOf(one, now).map((link) => (
          <a key={link.label} class="button" href={linkTo(link.path, link.parameters)}><Icon name={link.icon} /> <span class="truncate">{link.label}</span></a>
        ))}
      </div>
    </header>
  );
}

function Facts({ one, now, zone }: PartProps): JSX.Element {
  const { from, to } = stretchOf(one);
  const limit = one.direction === "low" ? one.low : one.high;
  const bound = limit === null ? "" : `${one.direction === "low" ? "at least" : "at most"} ${anomalyValue(limit, one.unit)}`;
  const isMeasured = one.measure !== "silence";
  return (
    <dl class="facts">
      {isMeasured && <Fact name="At its worst" value={anomalyValue(one.value, one.unit)} more={timesText(one.value, one.expected)} isLoud={one.state === "open"} />}
      {isMeasured && <Fact name="Usual" value={anomalyValue(one.expected, one.unit)} more={bound} />}
      <Fact name="Began" value={timeText(from, zone)} more={one.state === "open" ? `${durationText(now - from)} ago` : ""} />
      {one.state === "open"
        ? <Fact name="Last unusual" value={timeText(to, zone)} more={agoText(to, now)} />
        : <Fact name="Ended" value={timeText(to, zone)} more={`after ${durationText(to - from)}`} />}
    </dl>
  );
}

function Fact(props: { name: string; value: string; more: string; isLoud?: boolean }): JSX.Element {
  return (
    <div class="fact">
      <dt>{props.name}</dt>
      <dd class={props.isLoud ? "is-loud" : ""}>{props.value}</dd>
      <dd class="fact-more">{props.more || "\u00a0"}</dd>
    </div>
  );
}

export const anomaly: Page = {
  pattern: "/anomalies/:id",
  title: ({ id }) => `Anomaly ${id ?? ""}`,
  view: View,
  under: "/anomalies",
};
