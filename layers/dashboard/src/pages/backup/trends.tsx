/** Size, loss and restore time over time, the last two beside their objectives. */

import type { JSX } from "preact";

import { Chart, ChartTools } from "../../charts/chart.tsx";
import type { ChartProps, Series } from "../../charts/chart.tsx";
import { Panel, Told } from "../../components/panel.tsx";
import { lengthText } from "../../lib/backup.ts";
import type { Database } from "../../lib/backup.ts";
import type { Time } from "../../lib/clock.ts";
import { columnOf, gridOfHistory, objectiveBeside } from "./trends.ts";
import type { History } from "./trends.ts";

/** The three charts. */
export function Trends({ one, history, time, isBusy }: { one: Database; history: History; time: Time; isBusy: boolean }): JSX.Element {
  const grid = gridOfHistory(history, time.span);
  const line = (label: string, measure: Parameters<typeof columnOf>[2], colour: string, more: Partial<Series> = {}): Series => ({ label, values: columnOf(history, grid, measure), colour, ...more });
  const beside = (seconds: number, series: Series[]): Series[] => {
    const values = objectiveBeside(seconds, series.map((each) => each.values));
    return values ? [...series, { label: "Objective", values, colour: "--anomalous", dash: [5, 4] }] : series;
  };
  const charts: Array<ChartProps & { note?: string }> = [
    { title: "Size", grid, unit: "By", series: [line("Dump", "bytes", "--series-1", { isFilled: true }), line("Database", "size_bytes", "--series-2")] },
    {
      title: "Would be lost (RPO)",
      note: `objective ${lengthText(one.rpo_s)}`,
      grid,
      unit: "s",
      series: beside(one.rpo_s, [line("Now", "rpo_s", "--series-1"), line("Just before the next proof", "rpo_worst_s", "--series-2")]),
    },
    {
      title: "Time to restore (RTO)",
      note: `objective ${lengthText(one.rto_s)}`,
      grid,
      unit: "s",
      series: beside(one.rto_s, [line("Median", "rto_p50_s", "--series-1"), line("p95", "rto_p95_s", "--series-2")]),
    },
  ];
  return (
    <div class="backup-trends">
      {charts.map((chart) => (
        <Panel key={chart.title} title={chart.title} note={chart.note} tools={<ChartTools chart={chart} />} isBusy={isBusy}>
          {history.points.length === 0 ? <Told title="Not audited in this time" tone="unknown" height={190}>An audit runs every 15 minutes, and leaves one point an hour.</Told> : <Chart {...chart} />}
        </Panel>
      ))}
    </div>
  );
}
