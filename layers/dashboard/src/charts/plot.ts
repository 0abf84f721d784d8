/** A uPlot in a component: made anew when its shape changes, as wide as its place, drawn again when told. */

import type { RefObject } from "preact";
import { useCallback, useEffect, useMemo, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { drawingClock } from "./measure.ts";

export interface Plot {
  /** For the element that it is drawn in. */
  holder: RefObject<HTMLDivElement | null>;
  /** The plot, once it is made. */
  plot: RefObject<uPlot | null>;
  /** Change the plot in a way that draws it again; how long that takes is measured. */
  redraw: (change: (plot: uPlot) => void) => void;
}

/**
 * Return a plot that `make` describes for a width in pixels. It is called again whenever `shape` changes: everything of
 * the description that `redraw` cannot change must be in it.
 */
export function usePlot(shape: string, height: number, make: (width: number) => { options: uPlot.Options; data: uPlot.AlignedData }): Plot {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const clock = useMemo(drawingClock, []);
  useEffect(() => {
    const { current } = holder;
    if (!current) return undefined;
    clock.begin();
    const { options, data } = make(current.clientWidth);
    const hooks = { ...options.hooks, draw: [...(options.hooks?.draw ?? []), clock.end] };
    const made = new uPlot({ ...options, hooks }, data, current);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: current.clientWidth, height }));
    observer.observe(current);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);
  const redraw = useCallback((change: (plot: uPlot) => void): void => {
    clock.begin();
    if (plot.current) change(plot.current);
  }, []);
  return { holder, plot, redraw };
}
