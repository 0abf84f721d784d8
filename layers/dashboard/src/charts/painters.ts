/** What is painted on a chart besides its lines: stretches of which nothing is known, and marked times. */

import type uPlot from "uplot";

import { colour } from "../lib/theme.ts";
import type { Grid } from "./grid.ts";

/** A marked stretch of time, in ms since the epoch. */
export interface Mark {
  from: number;
  to: number;
  label: string;
  /** A colour token. */
  colour: string;
}

/** Return a hook that hatches unknown stretches: they must not look like zero. */
export function unknownPainter(runs: () => Array<[number, number]>, grid: () => Grid): (plot: uPlot) => void {
  return (plot) => {
    const { from, stepS } = grid();
    for (const [first, last] of runs()) {
      const start = from / 1_000 + (first - 0.5) * stepS;
      const end = from / 1_000 + (last + 0.5) * stepS;
      hatch(plot, ...edgesOf(plot, start, end), colour("--unknown"));
    }
  };
}

/** Return a hook that shades marked stretches and draws a bar at their foot. */
export function markPainter(marks: () => Mark[]): (plot: uPlot) => void {
  return (plot) => {
    const { ctx, bbox } = plot;
    for (const mark of marks()) {
      const [left, right] = edgesOf(plot, mark.from / 1_000, mark.to / 1_000);
      if (right <= bbox.left || left >= bbox.left + bbox.width) continue;
      const width = Math.max(right - left, 3 * devicePixelRatio);
      ctx.save();
      ctx.fillStyle = colour(mark.colour);
      ctx.globalAlpha = 0.13;
      ctx.fillRect(left, bbox.top, width, bbox.height);
      ctx.globalAlpha = 1;
      ctx.fillRect(left, bbox.top + bbox.height - 3 * devicePixelRatio, width, 3 * devicePixelRatio);
      ctx.restore();
    }
  };
}

/** Hatch a stretch of the plotting area, in canvas pixels. */
function hatch(plot: uPlot, left: number, right: number, stroke: string): void {
  const { ctx, bbox } = plot;
  const gap = 7 * devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, bbox.top, right - left, bbox.height);
  ctx.clip();
  ctx.strokeStyle = stroke;
  ctx.globalAlpha = 0.28;
  ctx.lineWidth = devicePixelRatio;
  ctx.beginPath();
  for (let x = left - bbox.height; x < right; x += gap) {
    ctx.moveTo(x, bbox.top + bbox.height);
    ctx.lineTo(x + bbox.height, bbox.top);
  }
  ctx.stroke();
  ctx.restore();
}

function edgesOf(plot: uPlot, start: number, end: number): [number, number] {
  const { left, width } = plot.bbox;
  const clamp = (x: number): number => Math.min(Math.max(x, left), left + width);
  return [clamp(plot.valToPos(start, "x", true)), clamp(plot.valToPos(end, "x", true))];
}
