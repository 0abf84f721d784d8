/** Counts over time as stacked bars; they share the cursor of the page's charts, and dragging zooms its time. */

import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";

import { useTime } from "../lib/clock.ts";
import { countText } from "../lib/format.ts";
import { useStore } from "../lib/store.ts";
import { colour, isDark } from "../lib/theme.ts";
import { timeText } from "../lib/time.ts";
import { usePlot } from "./plot.ts";
import "./bars.css";
import { stackedEdges, sumOf } from "./bars.ts";
import type { BarSeries } from "./bars.ts";
import { labelsOf, SHARED, zoom } from "./chart.tsx";
import "./chart.css";
import type { Grid } from "./grid.ts";
import { unknownPainter } from "./painters.ts";
import { textureOf } from "./texture.ts";

export interface BarsProps {
  /** What is drawn; read out. */
  title: string;
  /** Intervals: the first begins at `from`. */
  grid: Grid;
  /** The first stands at the foot. */
  series: BarSeries[];
  /** Runs of intervals, [first, last], of which not everything is known; hatched. */
  unknown?: Array<[number, number]>;
  height?: number;
}

/** Stacked bars with their legend. */
export function Bars(props: BarsProps): JSX.Element {
  const { grid, series, height = 120 } = props;
  const dark = useStore(isDark);
  const { zone } = useTime();
  const [at, setAt] = useState<number | null>(null);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const drawn = useRef({ grid, unknown: props.unknown ?? [] });
  drawn.current = { grid, unknown: props.unknown ?? [] };
  const data = useMemo(() => columnsOf(grid, series, hidden), [grid, series, hidden]);
  const shape = `${series.map((one) => `${one.label}\0${one.colour}\0${one.texture}`).join("\0\0")}|${zone}|${dark}|${height}`;

  const { holder, redraw } = usePlot(shape, height, (width) => ({
    options: optionsOf(series, zone, width, height, () => drawn.current, setAt),
    data,
  }));

  useEffect(() => {
    redraw((made) => made.setData(data));
  }, [data, props.unknown]);

  const toggle = (label: string): void => {
    const next = new Set(hidden);
    if (!next.delete(label)) next.add(label);
    setHidden(next);
  };
  return (
    <figure class="chart">
      <div class="chart-canvas" ref={holder} role="img" aria-label={spoken(props)} style={{ height: `${height}px` }} />
      <figcaption class="chart-legend">
        {series.map((one) => (
          <button key={one.label} type="button" class="chart-entry" aria-pressed={!hidden.has(one.label)} onClick={() => toggle(one.label)}>
            <span class={`bars-swatch is-${one.texture}`} style={{ color: `var(${one.colour})` }} />
            {one.label} <b>{countText(at === null ? sumOf(one.values) : (one.values[at] ?? null))}</b>
          </button>
        ))}
        <span class="chart-time">{at !== null && intervalText(grid, at, zone)}</span>
      </figcaption>
    </figure>
  );
}

/** Columns as uPlot takes them: the middles of the intervals, then the upper edges, the highest first: lower ones cover. */
function columnsOf(grid: Grid, series: BarSeries[], hidden: ReadonlySet<string>): uPlot.AlignedData {
  const middle = grid.from / 1_000 + grid.stepS / 2;
  const times = Array.from({ length: grid.points }, (_, index) => middle + index * grid.stepS);
  const columns = series.map((one) => (hidden.has(one.label) ? [] : one.values));
  return [times, ...stackedEdges(columns, grid.points).reverse()];
}

function optionsOf(
  series: BarSeries[],
  zone: string,
  width: number,
  height: number,
  drawn: () => { grid: Grid; unknown: Array<[number, number]> },
  onCursor: (index: number | null) => void,
): uPlot.Options {
  const axis: uPlot.Axis = { stroke: colour("--text-3"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false }, font: `11px ${colour("--font")}` };
  const bars = uPlot.paths.bars?.({ size: [1, Infinity, 1], gap: 1 });
  const layers: uPlot.Series[] = [...series].reverse().map((one) => ({
    label: one.label,
    width: 0,
    fill: (self) => textureOf(self.ctx, one.texture, one.colour) as string,
    points: { show: false },
    ...(bars ? { paths: bars } : {}),
  }));
  const whole = (): [number, number] => {
    const { grid } = drawn();
    return [grid.from / 1_000, grid.from / 1_000 + grid.points * grid.stepS];
  };
  const unknown = unknownPainter(() => drawn().unknown, () => ({ ...drawn().grid, from: drawn().grid.from + drawn().grid.stepS * 500 }));
  return {
    width,
    height,
    padding: [8, 18, 0, 0],
    cursor: { sync: SHARED, points: { show: false }, drag: { x: true, y: false, setScale: false } },
    scales: { x: { range: whole }, y: { range: (_plot, _least, most) => [0, Math.max(1, most ?? 1) * 1.08] } },
    axes: [
      { ...axis, values: (_plot, splits) => labelsOf(splits, zone), space: 64, size: 26 },
      { ...axis, values: (_plot, splits) => splits.map((value) => (Number.isInteger(value) ? countText(value) : "")), size: 46, space: 30 },
    ],
    series: [{}, ...layers],
    hooks: {
      drawClear: [unknown],
      draw: [],
      setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)],
      setSelect: [zoom],
    },
  };
}

function intervalText(grid: Grid, index: number, zone: string): string {
  const start = grid.from + index * grid.stepS * 1_000;
  const isFine = grid.stepS < 60;
  return `${timeText(start, zone, isFine ? "second" : "moment")} – ${timeText(start + grid.stepS * 1_000, zone, isFine ? "second" : "time")}`;
}

function spoken({ title, series, grid, unknown }: BarsProps): string {
  const parts = series.map((one) => `${one.label}: ${countText(sumOf(one.values))}`);
  const missing = unknown?.length ? `, ${unknown.length} stretches are UNKNOWN` : "";
  return `${title}, in ${grid.points} intervals. ${parts.join("; ") || "None"}${missing}`;
}
