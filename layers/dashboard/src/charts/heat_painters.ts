/** What is painted on a heat map: its cells, and single values that are pointed out. */

import type uPlot from "uplot";

import { colour } from "../lib/theme.ts";
import { drawnBounds } from "./heat.ts";
import type { HeatCounts } from "./heat.ts";
import { shadeOf } from "./heat_colours.ts";
import type { Grid } from "./grid.ts";

/** One value at one time (ms since the epoch), in the unit of the axis. */
export interface HeatPoint {
  time: number;
  value: number;
}

interface Drawn {
  props: { grid: Grid; bounds: readonly number[]; counts: HeatCounts };
  colours: string[];
  most: number;
}

/** Return a hook that fills the cells; edges lie on whole pixels, so that neighbours touch and never overlap. */
export function cellPainter(drawn: () => Drawn): (plot: uPlot) => void {
  return (plot) => {
    const { props, colours, most } = drawn();
    const { grid, counts } = props;
    const { ctx, bbox } = plot;
    const rows = drawnBounds(props.bounds).map((bound) => Math.round(plot.valToPos(bound, "y", true)));
    const edge = (at: number): number => Math.round(plot.valToPos(grid.from / 1_000 + (at - 0.5) * grid.stepS, "x", true));
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    counts.forEach((point, at) => {
      if (point === null) return;
      const left = edge(at);
      const width = Math.max(1, edge(at + 1) - left);
      point.forEach((count, row) => {
        const shade = shadeOf(count, most, colours.length);
        if (shade < 0) return;
        const top = rows[row + 1] ?? 0;
        ctx.fillStyle = colours[shade] ?? "";
        ctx.fillRect(left, top, width, (rows[row] ?? 0) - top);
      });
    });
    ctx.restore();
  };
}

/** Return a hook that draws a ring at each point; a cell stands around its start, so half a step is taken off. */
export function pointPainter(points: () => HeatPoint[], grid: () => Grid): (plot: uPlot) => void {
  return (plot) => {
    const { ctx, bbox } = plot;
    const radius = 4 * devicePixelRatio;
    ctx.save();
    for (const { time, value } of points()) {
      const x = plot.valToPos(time / 1_000 - grid().stepS / 2, "x", true);
      const y = plot.valToPos(value, "y", true);
      if (x < bbox.left || x > bbox.left + bbox.width || y < bbox.top || y > bbox.top + bbox.height) continue;
      for (const [token, width] of [["--surface", 4], ["--anomalous", 1.8]] as const) {
        ctx.beginPath();
        ctx.arc(x, y, radius, 0, 2 * Math.PI);
        ctx.strokeStyle = colour(token);
        ctx.lineWidth = width * devicePixelRatio;
        ctx.stroke();
      }
    }
    ctx.restore();
  };
}
