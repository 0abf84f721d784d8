/** How many lines there were over time, by severity. */

import type { JSX } from "preact";
import { useMemo } from "preact/hooks";

import { touchedRuns } from "../../charts/bars.ts";
import { Bars } from "../../charts/bars.tsx";
import { columnsOf, LOOKS, WORDS } from "./severity.ts";
import type { Counts, Gap } from "./types.ts";

/** The bars; intervals of which something could not be searched are hatched. */
export function Histogram({ counts, incomplete }: { counts: Counts; incomplete: Gap[] }): JSX.Element {
  const grid = useMemo(
    () => ({ from: Date.parse(counts.buckets[0]?.start ?? ""), stepS: counts.interval_s, points: counts.buckets.length }),
    [counts],
  );
  const series = useMemo(
    () => columnsOf(counts).map(({ severity, values }) => ({ label: WORDS[severity], values, ...LOOKS[severity] })),
    [counts],
  );
  const unknown = useMemo(
    () => touchedRuns(incomplete.map((one) => ({ from: Date.parse(one.from), to: Date.parse(one.to) })), grid),
    [incomplete, grid],
  );
  return <Bars title="Lines over time by severity" grid={grid} series={series} unknown={unknown} height={116} />;
}
