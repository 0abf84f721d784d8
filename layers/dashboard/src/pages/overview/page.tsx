/** Overview: what is unusual now, how every service is, and what changed within a day. */

import type { JSX } from "preact";

import { Button } from "../../components/controls.tsx";
import { Icon } from "../../components/icon.tsx";
import "../../components/open_list.css";
import { Loaded, Panel, Told } from "../../components/panel.tsx";
import { StateBadge, StateShape } from "../../components/state.tsx";
import type { Condition } from "../../components/state.tsx";
import { ApiError, get, getAll } from "../../lib/api.ts";
import { useTime } from "../../lib/clock.ts";
import { conditionOf, grouped, OWN_SERVICE } from "../../lib/condition.ts";
import { useQuery } from "../../lib/query.ts";
import { linkTo } from "../../lib/router.ts";
import { agoText, DAY, isoOf, timeText } from "../../lib/time.ts";
import type { AnomaliesAnswer, BandsAnswer, SeriesAnswer, Service } from "../../lib/types.ts";
import type { Page } from "../../shell/page.ts";
import { changesOf } from "./changes.ts";
import { Fleet } from "./fleet.tsx";
import "./overview.css";

const KPIS = "requests,error_ratio,p95_ms";

interface Page1 { services: Service[]; next: string | null }

function View(): JSX.Element {
  const time = useTime();
  const services = useQuery("services", (signal) => getAll<Page1, Service>("/v1/services", { limit: 1_000 }, (page) => page.services.filter((one) => one.service !== OWN_SERVICE), { signal }), time.tick);
  const day = useQuery(
    "overview anomalies",
    (signal) => get<AnomaliesAnswer>("/v1/anomalies", { from: isoOf(time.now - DAY), limit: 1_000 }, signal),
    time.tick,
  );
  const question = { service: "*", from: time.from, to: time.to, step_s: time.step };
  const series = useQuery(`overview series|${time.key}`, (signal) => get<SeriesAnswer>("/v1/kpis/series", { ...question, kpi: KPIS }, signal), time.tick);
  const bands = useQuery(`overview bands|${time.key}`, (signal) => get<BandsAnswer>("/v1/anomalies/bands", question, signal), time.tick);
  return (
    <div class="page">
      <header class="page-head">
        <h1>Overview</h1>
        <div class="verdict">
          {services.data && <Verdict services={services.data} open={day.data} zone={time.zone} />}
          <OwnHealth tick={time.tick} />
        </div>
      </header>
      <OpenAnomalies query={day} now={time.now} />
      <Loaded query={services} height={320} empty={(all) => (all.length === 0 ? <NoServices /> : null)}>
        {(all) => (
          <>
            {series.error && <Missing error={series.error} what="The figures" onRetry={series.reload} />}
            {bands.error && <Missing error={bands.error} what="What is usual" onRetry={bands.reload} />}
            <Fleet services={all} open={day.data} series={series.data} isWaiting={series.isLoading} isRefreshing={series.isRefreshing} bands={bands.data} now={time.now} />
          </>
        )}
      </Loaded>
      <Panel title="What changed in the last day" isFlush isBusy={day.isRefreshing}>
        <Loaded query={day}>
          {(answer) => {
            const changes = changesOf(services.data ?? [], answer.anomalies, time.now);
            if (changes.length === 0) return <Told icon="check" title="Nothing changed">No anomaly began or ended, no service came or went.</Told>;
            return (
              <ol class="changes">
                {changes.slice(0, 30).map((change) => (
                  <li key={`${change.at} ${change.text}`}>
                    <a class="change" href={linkTo(change.path)}>
                      <time dateTime={isoOf(change.at)}>{timeText(change.at, time.zone)}</time>
                      <span class={`state is-bare is-${change.condition}`}><StateShape condition={change.condition} /></span>
                      <span>{change.text}</span>
                    </a>
                  </li>
                ))}
              </ol>
            );
          }}
        </Loaded>
      </Panel>
    </div>
  );
}

function Verdict(props: { services: Service[]; open: AnomaliesAnswer | undefined; zone: string }): JSX.Element {
  const counts = new Map<Condition, number>();
  for (const service of props.services) {
    const condition = conditionOf(service, props.open);
    counts.set(condition, (counts.get(condition) ?? 0) + 1);
  }
  const order: Condition[] = ["anomalous", "degraded", "unknown", "healthy"];
  const words: Record<Condition, string> = { anomalous: "anomalous", degraded: "degraded", unknown: "UNKNOWN", healthy: "healthy" };
  const judged = props.open?.judged_to;
  return (
    <>
      {order.map((condition) => counts.has(condition) && <StateBadge key={condition} condition={condition} text={`${counts.get(condition)} ${words[condition]}`} />)}
      {judged && <span class="quiet small">judged to {timeText(Date.parse(judged), props.zone, "time")}</span>}
    </>
  );
}

/** How opsloop itself is, as its health says; it is asked like everybody else, and 503 is an answer. */
function OwnHealth({ tick }: { tick: number }): JSX.Element {
  const health = useQuery("own health", readiness, tick);
  const status = health.data ?? (health.error ? "fail" : "");
  const condition: Condition = status === "pass" ? "healthy" : status === "warn" ? "degraded" : status === "fail" ? "anomalous" : "unknown";
  const words: Record<Condition, string> = { healthy: "works", degraded: "works, with warnings", anomalous: "is not well", unknown: "is being asked" };
  return <a href={linkTo("/platform")}><StateBadge condition={condition} text={`opsloop ${words[condition]}`} /></a>;
}

async function readiness(signal: AbortSignal): Promise<string> {
  try {
    return (await get<{ status: string }>("/health/ready", {}, signal)).status;
  } catch (error) {
    if (error instanceof ApiError && typeof error.body["status"] === "string") return error.body["status"];
    throw error;
  }
}

function OpenAnomalies({ query, now }: { query: ReturnType<typeof useQuery<AnomaliesAnswer>>; now: number }): JSX.Element | null {
  const groups = grouped(query.data?.anomalies.filter((one) => one.state === "open") ?? []);
  if (query.data && groups.length === 0) return null;
  return (
    <Panel title="Unusual now" note={groups.length > 0 ? `${groups.length}` : undefined} isFlush isBusy={query.isRefreshing}>
      <Loaded query={query} height={90}>
        {() => (
          <ul class="open-list">
            {groups.map(({ head, effects }) => (
              <li key={head.anomaly_id}>
                <a class="open-item" href={linkTo(`/anomalies/${encodeURIComponent(head.anomaly_id)}`)}>
                  <StateBadge condition={head.severity === "info" ? "degraded" : "anomalous"} text={head.part === "origin" ? "Origin" : head.severity} />
                  <div>
                    <p>{head.reason}</p>
                    {effects.length > 0 && <p class="quiet small">Followed by {effects.length} more in {[...new Set(effects.map((one) => one.service))].join(", ")}</p>}
                  </div>
                  <span class="open-when">began {agoText(Date.parse(head.first_minute), now)}</span>
                </a>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </Panel>
  );
}

function Missing(props: { error: ApiError; what: string; onRetry: () => void }): JSX.Element {
  return (
    <p class="stale" role="status">
      <Icon name="warning" /> {props.what} could not be loaded: {props.error.message} <Button label="Try again" look="plain" onClick={props.onRetry} />
    </p>
  );
}

function NoServices(): JSX.Element {
  return (
    <Told icon="service" title="No service has been heard yet" height={260}>
      Send OpenTelemetry to this address with an ingest key, or declare services in the catalog.
    </Told>
  );
}

export const overview: Page = {
  pattern: "/",
  title: () => "Overview",
  view: View,
  nav: { label: "Overview", icon: "overview", key: "o" },
};
