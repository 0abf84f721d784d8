/**
 * A heat map over time on a logarithmic axis, painted on a canvas by uPlot: it shares the page's cursor, time axis and
 * zoom with the other charts. Each drawing is a `performance.measure("chart")`.
 */

import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";

import { useTime } from "../lib/clock.ts";
import { countText, valueText } from "../lib/format.ts";
import { useStore } from "../lib/store.ts";
import { colour, isDark } from "../lib/theme.ts";
import { timeText } from "../lib/time.ts";
import { labelsOf, SHARED, zoom } from "./chart.tsx";
import { timesOf, unknownRuns } from "./grid.ts";
import type { Grid } from "./grid.ts";
import { drawnBounds, logTicks, mostOf, rowAtShare, rowOf, rowTotals } from "./heat.ts";
import type { HeatCounts } from "./heat.ts";
import { heatColours } from "./heat_colours.ts";
import { usePlot } from "./plot.ts";
import "./heatmap.css";
import { unknownPainter } from "./painters.ts";
import { cellPainter, pointPainter } from "./heat_painters.ts";
import type { HeatPoint } from "./heat_painters.ts";

export interface HeatmapProps {
  /** What is drawn: read out. */
  title: string;
  grid: Grid;
  /** One more than there are rows, ascending; the unit is that of the axis. */
  bounds: readonly number[];
  /** Per point the count of each row, lowest first; null where nothing is known. */
  counts: HeatCounts;
  unit: string;
  /** What is counted: "requests". */
  noun: string;
  /** Single values that are pointed out, such as traces. */
  points?: HeatPoint[];
  height?: number;
}

interface Cell {
  at: number;
  row: number;
}

/** A heat map. Arrow keys move over its cells when it has the focus; what the pointer or they are at is said below. */
export function Heatmap(props: HeatmapProps): JSX.Element {
  const dark = useStore(isDark);
  const { zone } = useTime();
  const [cell, setCell] = useState<Cell | null>(null);
  const { grid, height = 190 } = props;
  const times = useMemo(() => timesOf(grid), [grid.from, grid.stepS, grid.points]);
  const colours = useMemo(() => heatColours(dark), [dark]);
  const most = useMemo(() => mostOf(props.counts), [props.counts]);
  const drawn = useRef({ props, colours, most });
  drawn.current = { props, colours, most };
  const shape = `${grid.from} ${grid.stepS} ${grid.points} ${props.bounds.join()}|${props.unit}|${zone}|${dark}|${height}`;

  const { holder, plot, redraw } = usePlot(shape, height, (width) => ({
    options: optionsOf(zone, width, height, () => drawn.current, setCell),
    data: [times, times.map(() => null)],
  }));

  useEffect(() => {
    redraw((made) => made.redraw(false));
  }, [props.counts, props.points]);

  const move = (event: KeyboardEvent): void => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    const { current } = plot;
    if (!step || !current || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const next = movedTo(cell ?? startOf(props), step, props);
    const bounds = drawnBounds(props.bounds);
    const middle = Math.sqrt((bounds[next.row] ?? 1) * (bounds[next.row + 1] ?? 1));
    current.setCursor({ left: current.valToPos(times[next.at] ?? 0, "x"), top: current.valToPos(middle, "y") });
    setCell(next);
  };
  return (
    <figure class="heatmap">
      <div
        class="heatmap-canvas"
        ref={holder}
        role="group"
        aria-roledescription="heat map"
        aria-label={`${spoken(props)} Arrow keys move over its cells.`}
        tabIndex={0}
        onKeyDown={move}
        style={{ height: `${height}px` }}
      />
      <figcaption class="heatmap-foot">
        <span class="heatmap-scale">
          1 <span class="heatmap-ramp" style={{ background: `linear-gradient(to right, ${colours.join(", ")})` }} /> {countText(most)} {props.noun} a cell
        </span>
        <output class="heatmap-said" aria-live="polite">{cell && said(props, cell, times, zone)}</output>
      </figcaption>
    </figure>
  );
}

function optionsOf(
  zone: string,
  width: number,
  height: number,
  drawn: () => { props: HeatmapProps; colours: string[]; most: number },
  onCell: (cell: Cell | null) => void,
): uPlot.Options {
  const { bounds, unit } = drawn().props;
  const shown = drawnBounds(bounds);
  const low = shown[0] ?? 1;
  const high = shown[shown.length - 1] ?? 10;
  const axis: uPlot.Axis = { stroke: colour("--text-3"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false }, font: `11px ${colour("--font")}` };
  const unknown = unknownPainter(() => runsOf(drawn().props), () => drawn().props.grid);
  return {
    width,
    height,
    padding: [8, 4, 0, 0],
    cursor: { sync: SHARED, points: { show: false }, drag: { x: true, y: false, setScale: false } },
    scales: { y: { distr: 3, range: () => [low, high] } },
    axes: [
      { ...axis, values: (_plot, splits) => labelsOf(splits, zone), space: 64, size: 26 },
      { ...axis, splits: () => logTicks(low, high), filter: (_plot, splits) => splits, values: (_plot, splits) => splits.map((value) => valueText(value, unit)), size: 62 },
    ],
    series: [{}, { stroke: "transparent", points: { show: false } }],
    hooks: {
      drawClear: [unknown],
      draw: [],
      drawAxes: [cellPainter(drawn), pointPainter(() => drawn().props.points ?? [], () => drawn().props.grid)],
      setCursor: [(plot) => onCell(cellAt(plot, shown))],
      setSelect: [zoom],
    },
  };
}

/** Return what the cursor is at; row -1 while the pointer is over another chart. */
function cellAt(plot: uPlot, bounds: readonly number[]): Cell | null {
  const { idx, top } = plot.cursor;
  if (idx === null || idx === undefined) return null;
  const isHere = plot.over.matches(":hover") || plot.root.parentElement === document.activeElement;
  return { at: idx, row: isHere && top !== undefined && top >= 0 ? rowOf(bounds, plot.posToVal(top, "y")) : -1 };
}

function runsOf({ counts, grid }: HeatmapProps): Array<[number, number]> {
  return unknownRuns([counts.map((point) => (point === null ? null : 1))], grid.points);
}

/** Return the cell that the keyboard begins at: the newest known point, the row of its median. */
function startOf({ counts }: HeatmapProps): Cell {
  const at = counts.findLastIndex((point) => point !== null);
  return { at: Math.max(0, at), row: Math.max(0, rowAtShare(counts[at] ?? [], 0.5)) };
}

function movedTo(cell: Cell, step: number[], { counts, bounds }: HeatmapProps): Cell {
  const clamp = (value: number, most: number): number => Math.min(Math.max(value, 0), most);
  return { at: clamp(cell.at + (step[0] ?? 0), counts.length - 1), row: clamp(cell.row + (step[1] ?? 0), bounds.length - 2) };
}

function said(props: HeatmapProps, cell: Cell, times: number[], zone: string): JSX.Element {
  const when = timeText((times[cell.at] ?? 0) * 1_000, zone);
  const point = props.counts[cell.at] ?? null;
  if (point === null) return <>{when} <b>UNKNOWN</b></>;
  const all = point.reduce((one, other) => one + other, 0);
  if (cell.row < 0) return <>{when} <b>{countText(all)}</b> {props.noun}</>;
  const range = `${valueText(props.bounds[cell.row] ?? null, props.unit)} – ${valueText(props.bounds[cell.row + 1] ?? null, props.unit)}`;
  return <>{when}, {range} <b>{countText(point[cell.row] ?? 0)}</b> of {countText(all)} {props.noun}</>;
}

function spoken(props: HeatmapProps): string {
  const totals = rowTotals(props.counts, Math.max(0, props.bounds.length - 1));
  const half = rowAtShare(totals, 0.5);
  const tail = rowAtShare(totals, 0.99);
  if (half < 0) return `${props.title}: UNKNOWN.`;
  const upTo = (row: number): string => valueText(props.bounds[row + 1] ?? null, props.unit);
  const all = totals.reduce((one, other) => one + other, 0);
  return `${props.title}: ${countText(all)} ${props.noun}, half of them up to ${upTo(half)}, 99 % up to ${upTo(tail)}, the longest up to ${upTo(props.bounds.length - 2)}.`;
}
