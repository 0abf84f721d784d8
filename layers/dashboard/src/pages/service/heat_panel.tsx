/** How long requests took: every one of them, by duration and time. */

import type { JSX } from "preact";

import { ChartTools } from "../../charts/chart.tsx";
import { Heatmap } from "../../charts/heatmap.tsx";
import { rowTotals } from "../../charts/heat.ts";
import { Loaded, Panel, Told } from "../../components/panel.tsx";
import { get } from "../../lib/api.ts";
import { useTime } from "../../lib/clock.ts";
import { countText, millisText, percentText } from "../../lib/format.ts";
import { useQuery } from "../../lib/query.ts";
import { ripeGrid, upTo } from "./ripe.ts";
import type { Subject } from "./subject.ts";
import type { SlowTrace } from "./traces.ts";
import type { HeatmapAnswer } from "./types.ts";

const HEIGHT = 200;

/** The heat map, the slow traces as rings on it, and the same numbers as a table. */
export function HeatPanel({ subject, traces }: { subject: Subject; traces: SlowTrace[] }): JSX.Element {
  const time = useTime();
  const { service, operation, kind } = subject;
  const heat = useQuery(
    `service heat ${service} ${kind} ${operation}|${time.key}`,
    (signal) => get<HeatmapAnswer>("/v1/kpis/heatmap", { service, operation, kind, from: time.from, to: time.to, step_s: time.step }, signal),
    time.tick,
  );
  const title = `${operation ? `${service} ${operation}` : service}: latency of all ${subject.noun}`;
  const points = traces.map((one) => ({ time: Date.parse(one.time), value: one.value }));
  const grid = heat.data && ripeGrid(heat.data, time.now);
  const counts = heat.data && grid ? upTo(heat.data.counts, grid) : [];
  const bounds = heat.data?.bounds_ms ?? [];
  const tools = grid && bounds.length > 0 && (
    <ChartTools chart={{ title, grid, unit: "", series: bounds.slice(1).map((bound, row) => ({ label: `${bounds[row]} - ${bound} ms`, values: counts.map((point) => point?.[row] ?? null), colour: "" })) }} />
  );
  return (
    <Panel title="Latency heat map" note={points.length > 0 ? "rings are traces" : undefined} isBusy={heat.isRefreshing} tools={tools}>
      <Loaded query={heat} height={HEIGHT + 26} empty={(answer) => (answer.bounds_ms.length === 0 ? <Unheard subject={subject} /> : null)}>
        {() => grid && (
          <>
            <Heatmap title={title} grid={grid} bounds={bounds} counts={counts} unit="ms" noun={subject.noun} points={points} height={HEIGHT} />
            <Distribution bounds={bounds} totals={rowTotals(counts, bounds.length - 1)} noun={subject.noun} />
          </>
        )}
      </Loaded>
    </Panel>
  );
}

/** What is said where nothing was heard: never an empty chart, which would look like none. */
export function Unheard({ subject }: { subject: Subject }): JSX.Element {
  return (
    <Told tone="unknown" title="UNKNOWN" height={HEIGHT}>
      No {subject.noun} of {subject.operation ? `${subject.operation} of ${subject.service}` : subject.service} were heard in this time. That is neither zero nor well.
    </Told>
  );
}

/** The rows added up over the whole range, slowest first. */
function Distribution({ bounds, totals, noun }: { bounds: number[]; totals: number[]; noun: string }): JSX.Element {
  const all = totals.reduce((one, other) => one + other, 0);
  const rows = totals.map((count, row) => ({ count, low: bounds[row] ?? 0, high: bounds[row + 1] ?? 0 })).filter((row) => row.count > 0).reverse();
  return (
    <details class="service-details">
      <summary>As a table</summary>
      <div class="table-holder" role="region" aria-label="Durations as a table" tabIndex={0}>
        <table class="table">
          <thead><tr><th scope="col">Duration</th><th scope="col" class="is-number">{noun}</th><th scope="col" class="is-number">share</th></tr></thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.low}>
                <td>{millisText(row.low)} – {millisText(row.high)}</td>
                <td class="is-number">{countText(row.count)}</td>
                <td class="is-number">{percentText(row.count / all)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
