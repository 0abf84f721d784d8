/** How full things are: the metrics that say so, what is not sent, and any other metric on request. */

import type { JSX } from "preact";

import { Chart, ChartTools } from "../../charts/chart.tsx";
import type { ChartProps } from "../../charts/chart.tsx";
import { Loaded, Panel, Told } from "../../components/panel.tsx";
import { get, getAll } from "../../lib/api.ts";
import { useTime } from "../../lib/clock.ts";
import { useQuery } from "../../lib/query.ts";
import { useParameter } from "../../lib/router.ts";
import { DAY, isoOf } from "../../lib/time.ts";
import { metricChart, metricSpan, SIGNALS, signalOf } from "./saturation.ts";
import type { MetricRow, MetricsAnswer, SentMetric } from "./types.ts";

const MOST_CHARTS = 6;
const COLOURS = ["--series-1", "--series-2", "--series-3", "--series-4", "--series-5", "--series-6"];

/** A chart per metric that says how full something is. */
export function Saturation({ service }: { service: string }): JSX.Element {
  const time = useTime();
  const [chosen, choose] = useParameter("metric");
  const from = isoOf(Math.max(time.span.from, time.span.to - 31 * DAY));
  const metrics = useQuery(`service metrics ${service}|${time.key}`, (signal) => get<MetricsAnswer>("/v1/kpis/metrics", { service, from, to: time.to }, signal), time.tick);
  const sent = metrics.data?.metrics ?? [];
  const telling = sent.filter((one) => signalOf(one) !== null);
  const missing = SIGNALS.filter((signal) => !telling.some((one) => signalOf(one) === signal));
  const other = sent.find((one) => one.name === chosen);
  return (
    <Panel title="Saturation" isBusy={metrics.isRefreshing} tools={sent.length > 0 && <Choice metrics={sent} chosen={chosen} choose={choose} />}>
      <Loaded query={metrics} height={160} empty={() => (sent.length === 0 ? <Nothing service={service} /> : null)}>
        {() => (
          <div class="stack">
            <p class="quiet small">
              {telling.length === 0 ? "Nothing that it sends says how full it is. " : ""}
              {missing.length > 0 && `Not sent: ${missing.join(", ").toLowerCase().replace("cpu", "CPU")}.`}
            </p>
            <div class="service-metrics">
              {telling.slice(0, MOST_CHARTS).map((one) => <Metric key={`${one.name} ${one.kind} ${one.unit}`} service={service} metric={one} />)}
              {other && !telling.slice(0, MOST_CHARTS).includes(other) && <Metric key={other.name} service={service} metric={other} />}
            </div>
          </div>
        )}
      </Loaded>
    </Panel>
  );
}

function Nothing({ service }: { service: string }): JSX.Element {
  return <Told tone="unknown" title="UNKNOWN" height={120}>{service} sends no metrics: how full it is, is not known.</Told>;
}

function Choice(props: { metrics: SentMetric[]; chosen: string; choose: (name: string) => void }): JSX.Element {
  const names = [...new Set(props.metrics.map((one) => one.name))];
  return (
    <select class="input" aria-label="Show another metric" value={props.chosen} onChange={(event) => props.choose(event.currentTarget.value)}>
      <option value="">Another metric…</option>
      {names.map((name) => <option key={name} value={name}>{name}</option>)}
    </select>
  );
}

function Metric({ service, metric }: { service: string; metric: SentMetric }): JSX.Element {
  const time = useTime();
  const asked = metricSpan(time.span);
  const rows = useQuery(
    `service metric ${service} ${metric.name}|${time.key}`,
    (signal) =>
      getAll<{ rows: MetricRow[]; next: string | null }, MetricRow>(
        "/v1/kpis",
        { service, kpi: `metric:${metric.name}`, resolution: asked.resolution, from: isoOf(asked.from), to: time.to, limit: 1_000 },
        (page) => page.rows,
        { signal, most: 3_000 },
      ),
    time.tick,
  );
  const wanted = rows.data?.filter((row) => row.state === "UNKNOWN" || (row.kind === metric.kind && row.unit === metric.unit)) ?? [];
  const made = metricChart(wanted, asked.stepS);
  const counted = /^\{(.*)\}$/.exec(metric.unit)?.[1];
  const unit = made.says === "per second" || counted ? "1" : made.unit; // what is counted stands in the note: axes are narrow
  const chart: ChartProps = {
    title: `${service}: ${metric.name}`,
    grid: made.grid,
    unit,
    series: made.lines.map((line, at) => ({ ...line, colour: COLOURS[at % COLOURS.length] ?? "--series-1" })),
    height: 140,
  };
  const cut = asked.from > time.span.from ? ", last part of the range" : "";
  const left = made.left > 0 ? `, ${made.left} more series` : "";
  return (
    <Panel title={metric.name} note={`${[signalOf(metric), counted, made.says].filter(Boolean).join(", ")}${left}${cut}`} isBusy={rows.isRefreshing} tools={made.lines.length > 0 && <ChartTools chart={chart} />} class="service-metric">
      <Loaded query={rows} height={166} empty={() => (made.lines.length === 0 ? <Told tone="unknown" title="UNKNOWN" height={166} /> : null)}>
        {() => <Chart {...chart} />}
      </Loaded>
    </Panel>
  );
}
