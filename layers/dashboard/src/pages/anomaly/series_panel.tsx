/** The series with its usual band and the anomalous stretch. */

import type { JSX } from "preact";

import { Chart, ChartTools } from "../../charts/chart.tsx";
import type { ChartProps } from "../../charts/chart.tsx";
import { Panel, Told } from "../../components/panel.tsx";
import { measureText, stretchOf } from "../../lib/anomaly.ts";
import { get } from "../../lib/api.ts";
import { useQuery } from "../../lib/query.ts";
import { isoOf, MINUTE } from "../../lib/time.ts";
import type { BandsAnswer } from "../../lib/types.ts";
import { columnsOf, withBand } from "./series.ts";
import type { Columns } from "./series.ts";
import type { AnomalyDetail } from "./types.ts";

interface SeriesPanelProps {
  one: AnomalyDetail;
  /** The band is still being worked out. */
  isWaiting: boolean;
}

/** The panel. Until the band of that time is there, and where it cannot be had, that of now is drawn. */
export function SeriesPanel({ one, isWaiting }: SeriesPanelProps): JSX.Element {
  const own = columnsOf(one.series.points, one.series.bucket_minutes);
  const needsBand = own !== null && !own.hasBand && one.measure !== "silence";
  const ends = own && { from: isoOf(own.grid.from), to: isoOf(own.grid.from + own.grid.points * own.grid.stepS * 1_000) };
  const learnt = useQuery(
    needsBand && ends ? `band of ${one.anomaly_id}|${ends.to}` : "",
    (signal) => get<BandsAnswer>("/v1/anomalies/bands", { service: one.service, measure: one.measure, step_s: own?.grid.stepS ?? 300, ...ends }, signal),
  );
  const title = `${one.service}, ${measureText(one)}`;
  if (!own) {
    return (
      <Panel title="Over time">
        <Told icon="clock" title="Nothing is left of its series" tone="unknown">Minutes are kept for a limited time; what was said of it then is above.</Told>
      </Panel>
    );
  }
  const columns = needsBand ? withBand(own, learnt.data, one) : own;
  const chart = chartOf(title, columns, one, needsBand);
  return (
    <Panel title="Over time" note={measureText({ ...one, metric: one.measure === "pattern" ? "" : one.metric })} tools={<ChartTools chart={chart} />} isBusy={isWaiting || learnt.isLoading}>
      <Chart {...chart} />
      <p class="anomaly-note">{noteOf(one, columns, needsBand, isWaiting || learnt.isLoading)}</p>
    </Panel>
  );
}

function chartOf(title: string, columns: Columns, one: AnomalyDetail, isOfNow: boolean): ChartProps {
  const { from, to } = stretchOf(one);
  const name = one.state === "open" ? "Anomalous since" : "Anomalous";
  return {
    title,
    grid: columns.grid,
    unit: one.unit.replace(/^(requests|lines)(?=\/)/, ""),
    height: 260,
    series: [
      { label: "Measured", values: columns.value, colour: "--series-1" },
      ...(columns.hasBand ? [{ label: "Expected", values: columns.expected, colour: "--text-3", dash: [5, 4] }] : []),
    ],
    band: columns.hasBand ? { label: isOfNow ? "Not called, as learnt by now" : "Usual at that time", low: columns.low, high: columns.high } : undefined,
    marks: [{ from: from - 2.5 * MINUTE, to: to - 2.5 * MINUTE, label: name, colour: "--anomalous" }],
  };
}

function noteOf(one: AnomalyDetail, columns: Columns, isOfNow: boolean, isWaiting: boolean): string {
  if (one.measure === "silence") return "1: heard, 0: not heard, in five minutes. The shaded stretch is when it was silent.";
  const shaded = "The shaded stretch is when it was called unusual.";
  if (columns.hasBand && !isOfNow) return `${shaded} The band is what was usual at that time.`;
  if (isWaiting) return `${shaded} What was usual at that time is being worked out.`;
  const why = one.series.why_no_band;
  if (columns.hasBand) return `${shaded} What was usual at that time is UNKNOWN${why ? ` (${why})` : ""}; the band is what would not be called by what is learnt now.`;
  return `${shaded} What is usual is UNKNOWN${why ? `: ${why}` : ""}.`;
}
