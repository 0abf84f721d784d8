/** Lines over time: bands, marks, unknown stretches, one cursor for all charts of a page. Drawn by uPlot. */

import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";

import { Menu } from "../components/controls.tsx";
import { Icon } from "../components/icon.tsx";
import { setRange, useTime } from "../lib/clock.ts";
import { saveText, savePicture } from "../lib/files.ts";
import { valueText } from "../lib/format.ts";
import { useStore } from "../lib/store.ts";
import { colour, isDark } from "../lib/theme.ts";
import { isoOf, timeText } from "../lib/time.ts";
import { usePlot } from "./plot.ts"; // its style comes before ours
import "./chart.css";
import { csvOf, lonePoints, summaryOf, timesOf, unknownRuns } from "./grid.ts";
import type { Grid, Values } from "./grid.ts";
import { markPainter, unknownPainter } from "./painters.ts";
import type { Mark } from "./painters.ts";

export interface Series {
  label: string;
  values: Values;
  /** A colour token, such as `--series-1`. */
  colour: string;
  dash?: number[];
  isFilled?: boolean;
}

export interface Band {
  label: string;
  low: Values;
  high: Values;
}

export interface ChartProps {
  /** What is drawn: read out, and the name of files. */
  title: string;
  grid: Grid;
  series: Series[];
  /** The unit of the values, as `valueText` takes it. */
  unit: string;
  band?: Band | undefined;
  marks?: Mark[];
  height?: number;
  /** The axis begins at zero unless this is false. */
  isFromZero?: boolean;
}

/** All charts of a page share their cursor; what is dragged over is selected in the one under the pointer alone. */
export const SHARED: uPlot.Cursor.Sync = {
  key: "page",
  setSeries: false,
  filters: { pub: (type) => type === "mousemove" || type === "mouseleave", sub: () => true },
};

/** A chart with its legend; the page's cursor runs through it, and dragging over it zooms the page's time. */
export function Chart(props: ChartProps): JSX.Element {
  const dark = useStore(isDark);
  const { zone } = useTime();
  const [at, setAt] = useState<number | null>(null);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const { grid, series, band, unit, height = 190 } = props;
  const times = useMemo(() => timesOf(grid), [grid.from, grid.stepS, grid.points]);
  const data = useMemo(() => columnsOf(times, series, band), [times, series, band]);
  const shape = `${series.map((one) => `${one.label}\0${one.colour}`).join("\0\0")}|${Boolean(band)}|${unit}|${zone}|${dark}|${height}`;
  const drawn = useRef({ series, marks: props.marks ?? [], grid });
  drawn.current = { series, marks: props.marks ?? [], grid };

  const { holder, plot, redraw } = usePlot(shape, height, (width) => ({
    options: optionsOf(props, zone, width, () => drawn.current, setAt),
    data,
  }));

  useEffect(() => {
    redraw((made) => made.setData(data));
  }, [data, props.marks]);

  useEffect(() => {
    series.forEach((one, index) => plot.current?.setSeries(index + 1, { show: !hidden.has(one.label) }));
  }, [hidden, shape]);

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
            <span class="chart-swatch" style={{ borderColor: `var(${one.colour})`, borderTopStyle: one.dash ? "dashed" : "solid" }} />
            <span class="truncate">{one.label}</span> <b>{valueText(at === null ? summaryOf(one.values).last : (one.values[at] ?? null), unit)}</b>
          </button>
        ))}
        {band && (
          <span class="chart-entry">
            <span class="chart-swatch is-band" />
            {band.label}
            {at !== null && <b>{`${valueText(band.low[at] ?? null, unit)} – ${valueText(band.high[at] ?? null, unit)}`}</b>}
          </span>
        )}
        <span class="chart-time">{at !== null && times[at] !== undefined && timeText(times[at] * 1_000, zone)}</span>
      </figcaption>
    </figure>
  );
}

/** The menu of a chart's panel: its values as CSV, its picture as PNG. */
export function ChartTools({ chart }: { chart: ChartProps }): JSX.Element {
  const columns = [...chart.series, ...(chart.band ? bandColumns(chart.band) : [])];
  const name = `${chart.title} ${isoOf(chart.grid.from)}`.replace(/[^A-Za-z0-9.-]+/g, "-");
  const csv = (): string => csvOf(timesOf(chart.grid), columns);
  return (
    <Menu label={`Copy or save: ${chart.title}`} icon="more" isIconOnly class="chart-tools">
      {(close) => {
        const item = (label: string, icon: "copy" | "download", act: (from: HTMLElement) => void): JSX.Element => (
          <button type="button" class="menu-item" onClick={(event) => { act(event.currentTarget); close(); }}>
            <Icon name={icon} /> {label}
          </button>
        );
        const canvas = (from: HTMLElement): HTMLCanvasElement | null => from.closest(".panel")?.querySelector("canvas") ?? null;
        return (
          <>
            {item("Copy as CSV", "copy", () => void navigator.clipboard.writeText(csv()))}
            {item("Save as CSV", "download", () => saveText(`${name}.csv`, "text/csv", csv()))}
            {item("Copy as PNG", "copy", (from) => savePicture(canvas(from), chart.title))}
            {item("Save as PNG", "download", (from) => savePicture(canvas(from), chart.title, `${name}.png`))}
          </>
        );
      }}
    </Menu>
  );
}

function bandColumns(band: Band): Array<{ label: string; values: Values }> {
  return [
    { label: `${band.label} from`, values: band.low },
    { label: `${band.label} to`, values: band.high },
  ];
}

function columnsOf(times: number[], series: Series[], band: Band | undefined): uPlot.AlignedData {
  const columns: Values[] = series.map((one) => one.values);
  if (band) columns.push(band.high, band.low);
  return [times, ...columns.map((column) => [...column])];
}

function optionsOf(
  props: ChartProps,
  zone: string,
  width: number,
  drawn: () => { series: Series[]; marks: Mark[]; grid: Grid },
  onCursor: (index: number | null) => void,
): uPlot.Options {
  const { series, band, unit, height = 190 } = props;
  const axis: uPlot.Axis = { stroke: colour("--text-3"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false }, font: `11px ${colour("--font")}` };
  const lines: uPlot.Series[] = series.map((one) => ({
    label: one.label,
    stroke: colour(one.colour),
    width: 1.6,
    points: { show: false, size: 5, filter: (plot, index) => lonePoints(plot.data[index] as Values) },
    ...(one.dash ? { dash: one.dash } : {}),
    ...(one.isFilled ? { fill: `${colour(one.colour)}22` } : {}),
  }));
  const edges: uPlot.Series[] = band ? [1, 2].map(() => ({ stroke: "transparent", width: 0, points: { show: false } })) : [];
  const unknown = unknownPainter(() => unknownRuns(drawn().series.map((one) => one.values), drawn().grid.points), () => drawn().grid);
  return {
    width,
    height,
    padding: [8, 4, 0, 0],
    cursor: { sync: SHARED, points: { size: 7 }, drag: { x: true, y: false, setScale: false } },
    scales: { y: { range: (_plot, least, most) => limitsOf(least, most, props.isFromZero !== false) } },
    axes: [
      { ...axis, values: (_plot, splits) => labelsOf(splits, zone), space: 64, size: 26 },
      { ...axis, values: (_plot, splits) => splits.map((value) => valueText(value, unit)), size: 62, space: 34 },
    ],
    series: [{}, ...lines, ...edges],
    ...(band ? { bands: [{ series: [series.length + 1, series.length + 2], fill: colour("--band") }] } : {}),
    hooks: {
      drawClear: [unknown],
      draw: [markPainter(() => drawn().marks)],
      setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)],
      setSelect: [zoom],
    },
  };
}

/** Return the range of the value axis: room above, and never an axis without height. */
function limitsOf(least: number | null, most: number | null, isFromZero: boolean): [number, number] {
  if (least === null || most === null || !Number.isFinite(least) || !Number.isFinite(most)) return [0, 1];
  const low = isFromZero ? Math.min(0, least) : least;
  const room = (most - low || Math.abs(most) || 1) * 0.08;
  return [isFromZero && least >= 0 ? 0 : low - room, most + room];
}

/** Return the labels of a time axis: times, and the day where it changes. */
export function labelsOf(splits: number[], zone: string): string[] {
  const isLong = splits.length > 1 && (splits[splits.length - 1] ?? 0) - (splits[0] ?? 0) > 86_400 * 1.5;
  let day = "";
  return splits.map((second) => {
    const today = timeText(second * 1_000, zone, "day");
    const time = timeText(second * 1_000, zone, "time");
    const isNew = today !== day;
    day = today;
    return isNew && (isLong || time === "00:00") ? today : time;
  });
}

/** Show the stretch of time that was dragged over. */
export function zoom(plot: uPlot): void {
  if (plot.select.width < 8) return;
  const from = plot.posToVal(plot.select.left, "x");
  const to = plot.posToVal(plot.select.left + plot.select.width, "x");
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  setRange({ from: isoOf(from * 1_000), to: isoOf(to * 1_000) });
}

function spoken(props: ChartProps): string {
  const parts = props.series.map((one) => {
    const { last, least, most } = summaryOf(one.values);
    if (last === null) return `${one.label}: UNKNOWN`;
    return `${one.label}: last ${valueText(last, props.unit)}, from ${valueText(least, props.unit)} to ${valueText(most, props.unit)}`;
  });
  const marks = props.marks?.length ? `, ${props.marks.length} marked` : "";
  return `${props.title}. ${parts.join("; ")}${marks}`;
}
