/** The usual bands and the anomalies that belong to one chart. */

import type { Grid } from "../../charts/grid.ts";
import type { Mark } from "../../charts/painters.ts";
import { MINUTE } from "../../lib/time.ts";
import type { Anomaly, BandsAnswer, Column } from "../../lib/types.ts";

export interface Usual {
  low: Column;
  high: Column;
}

/** Return the band of `measure` and `operation` ("" for the whole service) at the points of `grid`, if one is known. */
export function usualOf(answer: BandsAnswer | undefined, measure: string, operation: string, grid: Grid): Usual | undefined {
  const band = answer?.series.find((one) => one.measure === measure && one.operation === operation && one.judged);
  if (!answer || !band || answer.step_s !== grid.stepS) return undefined;
  const shift = Math.round((grid.from - Date.parse(answer.from)) / (grid.stepS * 1_000));
  const at = (column: Column): Column => Array.from({ length: grid.points }, (_, index) => column[index + shift] ?? null);
  const usual = { low: at(band.low), high: at(band.high) };
  return usual.high.some((value) => value !== null) ? usual : undefined;
}

/** Return why there is no band, in the detector's words; "" where there is one, or nothing was answered. */
export function whyNoBand(answer: BandsAnswer | undefined, measure: string, operation: string): string {
  const band = answer?.series.find((one) => one.measure === measure && one.operation === operation);
  if (!answer) return "";
  return band ? (band.judged ? "" : band.reason) : "not learned";
}

/** Return the anomalies of `measures` as marks; those of other operations are left out unless the whole is shown. */
export function marksOf(anomalies: Anomaly[], measures: string[], operation: string): Mark[] {
  return anomalies
    .filter((one) => measures.includes(one.measure) && (one.operation === operation || one.operation === "" ))
    .map((one) => ({
      from: Date.parse(one.first_minute),
      to: Date.parse(one.last_minute) + MINUTE,
      label: one.reason,
      colour: one.severity === "info" ? "--degraded" : "--anomalous",
    }));
}
