/** How long drawings take, for the budget of the console: one `performance.measure("chart")` each. */

export interface DrawingClock {
  /** Something is about to be drawn. */
  begin: () => void;
  /** It stands on the canvas. */
  end: () => void;
}

/**
 * Return the clock of one chart. uPlot draws after the code that asked for it: the measure ends when all is drawn, and
 * has in it what was begun at the same time.
 */
export function drawingClock(): DrawingClock {
  let since: number | null = null;
  return {
    begin() {
      since ??= performance.now();
    },
    end() {
      if (since === null) return;
      performance.measure("chart", { start: since });
      since = null;
    },
  };
}
