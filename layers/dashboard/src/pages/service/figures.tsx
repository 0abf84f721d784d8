/** Rate, errors and latency over time, with what is usual and what was unusual. */

import type { JSX } from "preact";

import { Chart, ChartTools } from "../../charts/chart.tsx";
import type { ChartProps } from "../../charts/chart.tsx";
import { Loaded, Panel } from "../../components/panel.tsx";
import { get } from "../../lib/api.ts";
import { useTime } from "../../lib/clock.ts";
import type { Time } from "../../lib/clock.ts";
import { countText, percentText } from "../../lib/format.ts";
import { useQuery } from "../../lib/query.ts";
import type { Anomaly, BandsAnswer, Column, KpiSeries } from "../../lib/types.ts";
import { marksOf, usualOf, whyNoBand } from "./bands.ts";
import { HeatPanel, Unheard } from "./heat_panel.tsx";
import { NotLoaded } from "./not_loaded.tsx";
import { perSecond, ripeGrid, upTo } from "./ripe.ts";
import type { Subject } from "./subject.ts";
import type { SlowTrace } from "./traces.ts";
import type { RipeningAnswer } from "./types.ts";

const KPIS = "requests,errors,error_ratio,p50_ms,p95_ms,p99_ms";
const HEIGHT = 200;

interface Known {
  subject: Subject;
  answer: RipeningAnswer;
  bands: BandsAnswer | undefined;
  anomalies: Anomaly[];
  time: Time;
}

/** Four panels, or one where nothing was heard; a chart is drawn when its own numbers are there, the band when it comes. */
export function Figures({ subject, anomalies, traces }: { subject: Subject; anomalies: Anomaly[]; traces: SlowTrace[] }): JSX.Element {
  const time = useTime();
  const { service, operation, kind } = subject;
  const range = { service, from: time.from, to: time.to, step_s: time.step };
  const series = useQuery(
    `service series ${service} ${kind} ${operation}|${time.key}`,
    (signal) => get<RipeningAnswer>("/v1/kpis/series", { ...range, operation, kind, kpi: KPIS }, signal),
    time.tick,
  );
  const bands = useQuery(
    kind === "request" ? `service bands ${service}|${time.key}` : "",
    (signal) => get<BandsAnswer>("/v1/anomalies/bands", { ...range, measure: "rate,error_ratio,p95" }, signal),
    time.tick,
  );
  if (series.data && isUnknown(series.data.series[0])) {
    return <Panel title="Rate, errors, latency" isBusy={series.isRefreshing}><Unheard subject={subject} /></Panel>;
  }
  const panel = (make: (known: Known) => Made, title: string): JSX.Element => {
    const made = series.data ? make({ subject, answer: series.data, bands: bands.data, anomalies, time }) : null;
    return (
      <Panel title={title} note={made?.note} isBusy={series.isRefreshing} tools={made && <ChartTools chart={made.chart} />}>
        <Loaded query={series} height={HEIGHT + 26}>{() => made && <Drawn {...made} />}</Loaded>
      </Panel>
    );
  };
  return (
    <>
      <NotLoaded what="What is usual" query={bands} />
      <div class="grid-2">
        {panel(rateChart, "Rate")}
        {panel(errorChart, "Errors")}
        {panel(latencyChart, "Latency")}
        <HeatPanel subject={subject} traces={traces} />
      </div>
    </>
  );
}

interface Made {
  chart: ChartProps;
  note: string;
  /** Why there is no usual band; "" where there is one. */
  why: string;
}

function Drawn({ chart, why }: Made): JSX.Element {
  return (
    <>
      <Chart {...chart} />
      {why && <p class="service-why">No usual band: {why}.</p>}
    </>
  );
}

function rateChart(known: Known): Made {
  const { subject, answer, time } = known;
  const grid = ripeGrid(answer, time.now);
  const requests = columnOf(answer, "requests");
  const total = requests.reduce<number>((one, other) => one + (other ?? 0), 0);
  const values = perSecond(requests, grid, time.now);
  const series = [{ label: subject.noun, values, colour: "--series-1", isFilled: true }];
  return { chart: { ...shared(known, "Rate", ["rate", "silence"]), series, unit: "1/s", band: bandOf(known, "rate") }, note: `${countText(total)} ${subject.noun}`, why: why(known, "rate") };
}

function errorChart(known: Known): Made {
  const grid = ripeGrid(known.answer, known.time.now);
  const sum = (name: "requests" | "errors"): number => columnOf(known.answer, name).reduce<number>((one, other) => one + (other ?? 0), 0);
  const [errors, requests] = [sum("errors"), sum("requests")];
  const series = [{ label: "error ratio", values: upTo(columnOf(known.answer, "error_ratio"), grid), colour: "--series-5", isFilled: true }];
  const note = `${countText(errors)} of ${countText(requests)}, ${percentText(requests > 0 ? errors / requests : null)}`;
  return { chart: { ...shared(known, "Errors", ["error_ratio"]), series, unit: "ratio", band: bandOf(known, "error_ratio") }, note, why: why(known, "error_ratio") };
}

function latencyChart(known: Known): Made {
  const grid = ripeGrid(known.answer, known.time.now);
  const line = (name: "p50_ms" | "p95_ms" | "p99_ms", token: string): ChartProps["series"][number] =>
    ({ label: name.slice(0, 3), values: upTo(columnOf(known.answer, name), grid), colour: token });
  const series = [line("p50_ms", "--series-3"), line("p95_ms", "--series-1"), line("p99_ms", "--series-2")];
  const band = bandOf(known, "p95");
  return { chart: { ...shared(known, "Latency", ["p95"]), series, unit: "ms", band: band && { ...band, label: "usual p95" } }, note: "p50, p95, p99", why: why(known, "p95") };
}

function shared({ subject, answer, anomalies, time }: Known, title: string, measures: string[]): Pick<ChartProps, "title" | "grid" | "marks" | "height"> {
  const name = subject.operation ? `${subject.service} ${subject.operation}` : subject.service;
  const marks = subject.kind === "request" ? marksOf(anomalies, measures, subject.operation) : [];
  return { title: `${name}: ${title.toLowerCase()}`, grid: ripeGrid(answer, time.now), marks, height: HEIGHT };
}

function bandOf(known: Known, measure: string): ChartProps["band"] {
  if (known.subject.kind !== "request") return undefined;
  const usual = usualOf(known.bands, measure, known.subject.operation, ripeGrid(known.answer, known.time.now));
  return usual && { label: "usual", ...usual };
}

function why({ subject, bands }: Known, measure: string): string {
  return subject.kind === "request" ? whyNoBand(bands, measure, subject.operation) : "";
}

function columnOf(answer: RipeningAnswer, name: "requests" | "errors" | "error_ratio" | "p50_ms" | "p95_ms" | "p99_ms"): Column {
  return answer.series[0]?.[name] ?? [];
}

function isUnknown(series: KpiSeries | undefined): boolean {
  return !series?.requests?.some((value) => value !== null);
}
